import math

import safetensors.torch
import torch
from torch import nn

torch.manual_seed(0)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.point = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64))
        self.head = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        return self.head(self.dropout(self.point(x).relu().mean(1)))


# Sets of 8 points, and which third their mean square is in.
x = torch.tensor([math.sin(k * k % 7919) for k in range(1200 * 16)]).view(1200, 8, 2)
square = x.square().mean((1, 2))
y = (square > 0.45).long() + (square > 0.55).long()

train = torch.utils.data.TensorDataset(x[:1000], y[:1000])
loader = torch.utils.data.DataLoader(train, batch_size=50, shuffle=True)

network = Network()
optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=1e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 60 * 20)
loss_of = nn.CrossEntropyLoss()

network.train()
for epoch in range(60):
    for xs, ys in loader:
        optimizer.zero_grad()
        loss = loss_of(network(xs), ys)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1)
        optimizer.step()
        scheduler.step()

network.eval()
with torch.no_grad():
    logits = network(x[1000:])
    test_loss = loss_of(logits, y[1000:])
    accuracy = (logits.argmax(1) == y[1000:]).float().mean()
print(f"last batch {loss:.3f}, test {test_loss:.3f}, accuracy {accuracy:.3f}")
safetensors.torch.save_file(network.state_dict(), "from_pytorch.safetensors")
