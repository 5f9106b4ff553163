#!/usr/bin/env python3
"""Writes the graphs of test_dataset.cc beside this file: rings_and_stars.txt and rings_and_stars/ (TUDataset).

  python3 rings_and_stars.py

24 graphs: even ones are rings (class 1), odd ones stars (class 5). The labels are 2, 3 and 7, at random; every
fourth graph has a self loop, every sixth two isolated nodes, every eighth one edge twice.
"""
import pathlib
import random

HERE = pathlib.Path(__file__).parent
RING, STAR = 1, 5
LABELS = [2, 3, 7]


def graph(g, draws):
    """The class, the labels and the neighbours of each node."""
    n = 4 + draws.randrange(6)
    ring = g % 2 == 0
    edges = [(v, (v + 1) % n) for v in range(n)] if ring else [(0, v) for v in range(1, n)]
    if g % 8 == 3:
        edges.append(edges[1])
    if g % 6 == 4:
        n += 2
    neighbours = [[] for _ in range(n)]
    for v, j in edges:
        neighbours[v].append(j)
        neighbours[j].append(v)
    if g % 4 == 1:
        neighbours[n - 1].append(n - 1)
    return RING if ring else STAR, [draws.choice(LABELS) for _ in range(n)], neighbours


def write(path, lines):
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines))


def main():
    draws = random.Random(1)
    graphs = [graph(g, draws) for g in range(24)]

    gin = [str(len(graphs))]
    for name, labels, neighbours in graphs:
        gin.append(f"{len(labels)} {name}")
        gin += [" ".join(map(str, [label, len(row), *row])) for label, row in zip(labels, neighbours)]
    write(HERE / "rings_and_stars.txt", gin)

    folder = HERE / "rings_and_stars"
    adjacency, indicator, first = [], [], 1
    for g, (_, labels, neighbours) in enumerate(graphs):
        adjacency += [f"{first + v}, {first + j}" for v, row in enumerate(neighbours) for j in row]
        indicator += [str(g + 1)] * len(labels)
        first += len(labels)
    write(folder / "RS_A.txt", adjacency)
    write(folder / "RS_graph_indicator.txt", indicator)
    write(folder / "RS_graph_labels.txt", [str(name) for name, _, _ in graphs])
    write(folder / "RS_node_labels.txt", [str(label) for _, labels, _ in graphs for label in labels])


if __name__ == "__main__":
    main()
