// How to read the numbers of a page.

#include "report/sections.h"

namespace tools {

std::string reading_section() {
  return R"(<section id="reading">
<h2>How to read the numbers</h2>
<dl>
<dt>normalised loss</dt><dd>The mean squared error divided by the target’s variance (cross entropy: by the classes’
entropy). 0 is exact, 1 is what the best constant has, above 1 is worse than that constant. The test loss is over fresh
samples, or over held-out examples where the data are a file.</dd>
<dt>verdicts</dt><dd>The first that holds, with the default thresholds: <em>diverged</em>, a loss that is not finite or
above a million times the first one; <em>learned</em>, a normalised test loss of at most 0.05; <em>memorised</em>, at
most 0.1 in training and at least 0.9 in the test; <em>cannot-fit</em>, at least 0.9 in training;
<em>partly-learned</em>, below 0.9 in the test; <em>undecided</em>.</dd>
<dt>explained by a bound</dt><dd>Of the runs that did not learn: those whose queries (steps times parameters) are fewer than the
largest lower bound of the family needs at the tolerance 1/√(all samples of the run), which is what a run as a whole can tell apart. Where it is
not, the failure may be one of budget, of settings or of information; a bound says nothing. A comparison, but for runs through
an oracle.</dd>
<dt>seeds learned</dt><dd>How many of the finished runs at a grid point have the verdict <em>learned</em>. A seed draws
the function to learn, the initial weights and the data, unless the study fixes some of them: the spread mixes all that
is drawn.</dd>
<dt>best grid point</dt><dd>The one with the largest fraction of seeds learned; of equals, the one with the lowest mean
test loss. It is chosen on the seeds that are then reported, separately for target and control. That favours learning:
where the best of a grid fails, all of it failed.</dd>
<dt>95 % interval</dt><dd>Of the fraction learned, exact (Clopper and Pearson), and for the best of several grid points
with an allowance for the choice (Bonferroni): it holds the true fraction with 95 % at least. With few seeds it is wide: 0 of 3
still allows 71 % where one point was tried, and 84 % for the best of six.</dd>
<dt>lowest to highest</dt><dd>The range over the seeds, not an interval of confidence.</dd>
<dt>steps to learn</dt><dd>The first evaluation at which the test loss is at most the threshold, the median over the
seeds. A seed that never gets there counts as more than its budget; “&gt; 12000” says that half of them or more did
not.</dd>
<dt>target and control</dt><dd>The target is a member of the family. The control has the same inputs, network and
settings, and a function to learn that gradient descent is known to learn. A failure says something only where the
control succeeds.</dd>
</dl>
</section>
)";
}

}  // namespace tools
