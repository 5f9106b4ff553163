// Sums over signs, canonical forms, and moments of frame-parity.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <type_traits>

#include "../../sampling.h"
#include "frame_parity.h"

namespace eqnn::hard {
namespace {

// --- sums over signs -------------------------------------------------------------------------------------

constexpr std::size_t kMostHalf = std::size_t{1} << (kMaxSetSize / 2);

constexpr double sign_of(std::size_t bits) { return std::popcount(bits) % 2 == 0 ? 1 : -1; }

// prod w of the sums below, in their order.
constexpr auto kSigns = [] {
  std::array<double, 16> signs{};
  for (std::size_t i = 0; i < signs.size(); ++i) signs[i] = sign_of(i);
  return signs;
}();

// sums[i] = first + sum of +-y over the bits of i, a bit set for minus.
template <std::size_t Count>
void signed_sums(double first, const double* y, std::array<double, (std::size_t{1} << Count)>& sums) {
  sums[0] = first;
  for (std::size_t t = 0, size = 1; t < Count; ++t, size *= 2)
    for (std::size_t i = 0; i < size; ++i) {
      const double s = sums[i];
      sums[i] = s + y[t];
      sums[size + i] = s - y[t];
    }
}

// sum over w with w_0 = 1 of (prod w, or 1) |<w, y>|, K = Half + Rest + 1 even: w and -w together, since
// relu(t) + relu(-t) = |t| and both have the same sign.
template <bool Alternating, std::size_t Half, std::size_t Rest>
double direct_sum(const double* y) {
  std::array<double, (std::size_t{1} << Half)> a;
  std::array<double, (std::size_t{1} << Rest)> b;
  signed_sums<Half>(y[0], y + 1, a);
  signed_sums<Rest>(0, y + 1 + Half, b);
  double total = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const double t = std::abs(a[i] + b[j]);
      sum += Alternating ? kSigns[j] * t : t;
    }
    total += Alternating ? kSigns[i] * sum : sum;
  }
  return total;
}

// A sum of +-y over half of the coordinates, and the product of its signs.
struct SignedSum {
  double value, sign;
};
using Half = std::array<SignedSum, kMostHalf>;

// All of them for y, added to `first`, ascending: each coordinate merges two sorted lists. Returns how many.
std::size_t sorted_sums(double first, std::span<const double> y, Half& sums) {
  Half merged;
  sums[0] = {first, 1};
  std::size_t size = 1;
  for (const double v : y) {
    const double step = std::abs(v);  // signs are symmetric, their product is not
    const double sign = v < 0 ? -1 : 1;
    std::size_t low = 0, high = 0;
    for (std::size_t i = 0; i < 2 * size; ++i) {
      if (high == size || (low < size && sums[low].value - step <= sums[high].value + step)) {
        merged[i] = {sums[low].value - step, -sign * sums[low].sign};
        ++low;
      } else {
        merged[i] = {sums[high].value + step, sign * sums[high].sign};
        ++high;
      }
    }
    size *= 2;
    std::copy_n(merged.begin(), size, sums.begin());
  }
  return size;
}

// The same sum from sorted halves: as a rises, more b have a + b > 0, and for those a + b, for the others
// -(a + b), are sums over prefixes.
template <bool Alternating>
double merged_sum(std::span<const double> y) {
  Half a, b;
  const std::size_t half = y.size() / 2;
  const std::size_t size_a = sorted_sums(y[0], y.subspan(1, half - 1), a);
  const std::size_t size_b = sorted_sums(0, y.subspan(half), b);
  double weight = 0, moment = 0;  // of all b: sum of signs, sum of signs times values
  for (std::size_t j = 0; j < size_b; ++j) {
    const double sign = Alternating ? b[j].sign : 1;
    weight += sign;
    moment += sign * b[j].value;
  }
  double positive_weight = 0, positive_moment = 0, total = 0;
  std::size_t j = size_b;
  for (std::size_t i = 0; i < size_a; ++i) {
    for (; j > 0 && a[i].value + b[j - 1].value > 0; --j) {
      const double sign = Alternating ? b[j - 1].sign : 1;
      positive_weight += sign;
      positive_moment += sign * b[j - 1].value;
    }
    const double sum = a[i].value * (2 * positive_weight - weight) + 2 * positive_moment - moment;
    total += Alternating ? a[i].sign * sum : sum;
  }
  return total;
}

template <bool Alternating>
double even_sum(std::span<const double> y) {
  const double scale = 1 / std::sqrt(static_cast<double>(y.size()));
  switch (y.size()) {
    case 2:
      return scale * direct_sum<Alternating, 0, 1>(y.data());
    case 4:
      return scale * direct_sum<Alternating, 1, 2>(y.data());
    case 6:
      return scale * direct_sum<Alternating, 2, 3>(y.data());
    case 8:
      return scale * direct_sum<Alternating, 3, 4>(y.data());
    default:
      return scale * merged_sum<Alternating>(y);
  }
}

// --- canonical forms -------------------------------------------------------------------------------------

constexpr Index kMostCounted = 128;  // coordinates up to which counting beats sorting
constexpr Index kPlacesAtOnce = 8;

// A number whose order is that of (|x|, x): the bits of |x|, and below them 1 for a positive sign; and back.
template <class Bits, class T>
Bits key_of(T x) {
  const auto bits = std::bit_cast<Bits>(x);
  return bits << 1 | ~bits >> (8 * sizeof(Bits) - 1);
}
template <class T, class Bits>
T from_key(Bits key) {
  return std::bit_cast<T>(key >> 1 | ~key << (8 * sizeof(Bits) - 1));
}

// The place of each x is the number of larger keys, which takes n^2 comparisons, but no branches, and many at a
// time. Equal keys are equal numbers: they take the next places.
void sort_by_counting(Index n, const float* x, float* y) {
  std::array<std::int32_t, kMostCounted> keys, places;
  std::array<std::uint8_t, kMostCounted> taken{};
  const Index padded_n = (n + kPlacesAtOnce - 1) / kPlacesAtOnce * kPlacesAtOnce;
  // Signed numbers in the order of the keys: machines compare those faster.
  for (Index i = 0; i < n; ++i) keys[i] = static_cast<std::int32_t>(key_of<std::uint32_t>(x[i]) ^ 0x80000000u);
  for (Index i = n; i < padded_n; ++i) keys[i] = 0;
  for (Index first = 0; first < padded_n; first += kPlacesAtOnce) {
    std::int32_t count[kPlacesAtOnce] = {};
    const std::int32_t* own = keys.data() + first;
    for (Index j = 0; j < n; ++j) {
      const std::int32_t other = keys[j];
      for (Index t = 0; t < kPlacesAtOnce; ++t) count[t] += other > own[t] ? 1 : 0;
    }
    std::copy_n(count, kPlacesAtOnce, places.data() + first);
  }
  for (Index i = 0; i < n; ++i) {
    const auto place = static_cast<std::size_t>(places[i]);
    y[place + taken[place]] = x[i];
    ++taken[place];
  }
}

template <class T>
void sort_by_keys(Index n, const T* x, T* y) {
  using Bits = std::conditional_t<std::is_same_v<T, float>, std::uint32_t, std::uint64_t>;
  std::array<Bits, kMaxCoordinates> keys;
  for (Index i = 0; i < n; ++i) keys[i] = key_of<Bits>(x[i]);
  std::sort(keys.begin(), keys.begin() + n, std::greater<>());
  for (Index i = 0; i < n; ++i) y[i] = from_key<T>(keys[i]);
}

template <class T>
void rotate_to_maximum(Index n, const T* x, T* y) {
  T largest = 0;
  for (Index i = 0; i < n; ++i) largest = std::max(largest, std::abs(x[i]));
  Index count = 0, start = 0;
  for (Index i = 0; i < n; ++i)
    if (std::abs(x[i]) == largest) {
      ++count;
      start = i;
    }
  if (count != 1) {
    std::array<std::int32_t, kMaxCoordinates> order;
    return canonical_form(PermutationFrame::rotate_to_maximum, MatrixView<const T>{x, n, 1, 1},
                          std::span(order.data(), n), MatrixView<T>{y, n, 1, 1});
  }
  std::copy(x + start, x + n, y);
  std::copy(x, x + start, y + n - start);
}

// n contiguous numbers; y is not x.
template <class T>
void canonical_example(ParityFrame frame, Index n, const T* x, T* y) {
  if (frame == ParityFrame::none) {
    std::copy_n(x, n, y);
  } else if (frame == ParityFrame::cyclic) {
    rotate_to_maximum(n, x, y);
  } else {
    if constexpr (std::is_same_v<T, float>)
      if (n <= kMostCounted) return sort_by_counting(n, x, y);
    sort_by_keys(n, x, y);
  }
}

template <class T>
void all_canonical_forms(ParityFrame frame, const Block<const T>& x, const Block<T>& y) {
  const Index n = x.points;
  std::array<T, kMaxCoordinates> from, to;
  for (Index e = 0; e < x.examples; ++e) {
    for (Index i = 0; i < n; ++i) from[i] = *x.row(e, i);
    canonical_example(frame, n, from.data(), to.data());
    for (Index i = 0; i < n; ++i) *y.row(e, i) = to[i];
  }
}

// --- moments ---------------------------------------------------------------------------------------------

constexpr Index kAtOnce = 64;  // inputs
// Inputs of estimates: steps of Stream::member that no attempt of a sampler reaches.
constexpr std::uint64_t kEstimateStep = std::uint64_t{1} << 40, kNormStage = 0, kScreenStage = 1;

// As many inputs as so many normal draws and so many terms of sums by halves allow.
Index sample_count(const FrameParityLaw& law, Index draws, Index terms, Index most) {
  constexpr Index kFewest = 1 << 10;
  return std::clamp<Index>(std::min(draws / law.n, terms >> law.k / 2), kFewest, most);
}

struct PowerSums {
  double f2 = 0, f4 = 0, nonzero = 0, c1 = 0, c2 = 0, c3 = 0, c4 = 0;

  void add(double f, double c) {
    const double f_squared = f * f, c_squared = c * c;
    f2 += f_squared;
    f4 += f_squared * f_squared;
    nonzero += std::abs(f) > 1e-12;
    c1 += c;
    c2 += c_squared;
    c3 += c_squared * c;
    c4 += c_squared * c_squared;
  }
  ParityMoments moments(Index samples) const {
    const double n = static_cast<double>(samples), mean = c1 / n, mean_square = f2 / n;
    ParityMoments m;
    m.samples = samples;
    m.mean_square = mean_square;
    m.kurtosis = mean_square > 0 ? f4 / n / (mean_square * mean_square) : 0;
    m.mean_square_error = std::sqrt(std::max(0.0, f4 / n - mean_square * mean_square) / n);
    m.nonzero = nonzero / n;
    m.control_mean = mean;
    m.control_variance = c2 / n - mean * mean;
    m.control_mean_error = std::sqrt(m.control_variance / n);
    const double fourth = c4 / n - 4 * mean * c3 / n + 6 * mean * mean * c2 / n - 3 * mean * mean * mean * mean;
    m.control_variance_error = std::sqrt(std::max(0.0, fourth - m.control_variance * m.control_variance) / n);
    return m;
  }
};

void gather(std::span<const Index> set, const float* form, std::array<double, kMaxSetSize>& y) {
  for (std::size_t t = 0; t < set.size(); ++t) y[t] = static_cast<double>(form[set[t]]);
}

// Canonical forms of `count` inputs from number `first` on, rows of `forms`.
void fill_forms(const FrameParityLaw& law, std::uint64_t stage, Index first, Index count, float* forms,
                Index stride) {
  std::vector<float> x(std::min(kAtOnce, count) * law.n);
  for (Index done = 0; done < count; done += kAtOnce) {
    const Index some = std::min(kAtOnce, count - done);
    sample_normals({0, Stream::member, kEstimateStep + stage, static_cast<std::uint64_t>(first + done)},
                   Block<float>{x.data(), some, law.n, 1, 1});
    for (Index e = 0; e < some; ++e)
      canonical_example(law.frame, law.n, x.data() + e * law.n, forms + (done + e) * stride);
  }
}

// kappa1(r) = E relu(a) relu(b), standard normal of correlation r.
long double kappa1(long double r) {
  const long double pi = 3.14159265358979323846264338327950288L;
  r = std::clamp(r, -1.0L, 1.0L);
  return (std::sqrt(1 - r * r) + r * (pi - std::acos(r))) / (2 * pi);
}

// 2^k sum_j (+-1)^j C(k, j) (kappa1((k - 2j) / k) - shift).
double unframed_sum(Index k, bool alternating, long double shift) {
  long double sum = 0, binomial = 1;
  for (Index j = 0; j <= k; ++j) {
    const long double term =
        binomial * (kappa1(static_cast<long double>(k - 2 * j) / static_cast<long double>(k)) - shift);
    sum += alternating && j % 2 == 1 ? -term : term;
    binomial *= static_cast<long double>(k - j) / static_cast<long double>(j + 1);
  }
  return static_cast<double>(std::ldexp(sum, static_cast<int>(k)));
}

}  // namespace

double alternating_relu_sum(std::span<const double> y) {
  double sum = 0;
  for (std::size_t w = 0; w < std::size_t{1} << y.size(); ++w) {
    double t = 0;
    for (std::size_t i = 0; i < y.size(); ++i) t += (w >> i & 1) != 0 ? -y[i] : y[i];
    sum += sign_of(w) * std::max(t, 0.0);
  }
  return sum / std::sqrt(static_cast<double>(y.size()));
}

double parity_sum(std::span<const double> y) {
  double sum = 0, largest = 0, least = std::abs(y[0]);
  bool negative = false;
  for (const double v : y) {
    const double size = std::abs(v);
    sum += size;
    largest = std::max(largest, size);
    least = std::min(least, size);
    negative ^= v < 0;
  }
  if (least == 0) return 0;
  const double sign = negative ? -1 : 1;
  if (y.size() == 2) return sign * std::sqrt(2.0) * least;
  if (y.size() == 4) return -sign * std::max(0.0, std::min(2 * least, sum - 2 * largest));
  if (sum - largest <= largest) return 0;
  // Of |y|, so that signs change the sum by nothing but its sign, to the last bit.
  std::array<double, kMaxSetSize> sizes;
  for (std::size_t i = 0; i < y.size(); ++i) sizes[i] = std::abs(y[i]);
  return sign * even_sum<true>({sizes.data(), y.size()});
}

double plain_relu_sum(std::span<const double> y) { return even_sum<false>(y); }

void canonical_forms(ParityFrame frame, Block<const float> x, Block<float> y) { all_canonical_forms(frame, x, y); }
void canonical_forms(ParityFrame frame, Block<const double> x, Block<double> y) {
  all_canonical_forms(frame, x, y);
}

double unframed_norm_sq(Index k) { return unframed_sum(k, true, 0); }

std::vector<ParityMoments> parity_moments(const FrameParityLaw& law, std::span<const std::vector<Index>> sets,
                                          Index most) {
  const Index samples = sample_count(law, 1 << 23, (1 << 23) / static_cast<Index>(sets.size()), most);
  Matrix<float> forms(kAtOnce, law.n);
  std::vector<PowerSums> sums(sets.size());
  std::array<double, kMaxSetSize> y;
  const std::span<const double> chosen(y.data(), law.k);
  for (Index first = 0; first < samples; first += kAtOnce) {
    const Index count = std::min(kAtOnce, samples - first);
    fill_forms(law, kNormStage, first, count, forms.data(), forms.stride());
    for (std::size_t s = 0; s < sets.size(); ++s)
      for (Index e = 0; e < count; ++e) {
        gather(sets[s], forms.view().row(e), y);
        sums[s].add(parity_sum(chosen), plain_relu_sum(chosen));
      }
  }
  std::vector<ParityMoments> moments;
  for (const PowerSums& s : sums) {
    ParityMoments m = s.moments(samples);
    if (law.frame == ParityFrame::none) {
      m.mean_square = unframed_norm_sq(law.k);
      m.control_mean = std::ldexp(1 / std::sqrt(2 * 3.14159265358979323846), static_cast<int>(law.k));
      m.control_variance = unframed_sum(law.k, false, kappa1(0));
      m.mean_square_error = m.control_mean_error = m.control_variance_error = 0;
    }
    moments.push_back(m);
  }
  return moments;
}

// --- the sampler -----------------------------------------------------------------------------------------

namespace {

constexpr Index kAttempts = 300;
constexpr double kMostKurtosis = 30, kLeastNonzero = 0.1;

// k of 0..n-1, uniform: position t of a shuffle takes a random one of the rest.
std::vector<Index> random_set(const FrameParityLaw& law, std::uint64_t seed, Index attempt) {
  Draws draws({seed, Stream::member, static_cast<std::uint64_t>(attempt), 0});
  std::vector<Index> all(law.n);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<Index>(i);
  const auto size = static_cast<std::size_t>(law.k);
  for (std::size_t t = 0; t < size; ++t)
    std::swap(all[t], all[t + draws.below(static_cast<std::uint32_t>(all.size() - t))]);
  all.resize(size);
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

FrameParitySampler::FrameParitySampler(const FrameParityLaw& law) : law_(law) {
  if (law.frame == ParityFrame::none) return;
  forms_ = Matrix<float>(sample_count(law, 1 << 21, 1 << 18, 1 << 14), law.n);
  fill_forms(law, kScreenStage, 0, forms_.rows(), forms_.data(), forms_.stride());
}

bool FrameParitySampler::accepts(std::span<const Index> set) const {
  if (law_.frame == ParityFrame::none) return true;
  PowerSums sums;
  std::array<double, kMaxSetSize> y;
  for (Index e = 0; e < forms_.rows(); ++e) {
    gather(set, forms_.view().row(e), y);
    sums.add(parity_sum({y.data(), set.size()}), 0);
  }
  const ParityMoments m = sums.moments(forms_.rows());
  return m.mean_square > 1e-10 && m.kurtosis <= kMostKurtosis && m.nonzero >= kLeastNonzero;
}

std::vector<Index> FrameParitySampler::draw(std::uint64_t seed) const {
  for (Index attempt = 0; attempt < kAttempts; ++attempt) {
    auto set = random_set(law_, seed, attempt);
    if (accepts(set)) return set;
  }
  throw ValueError(concat("no S accepted after ", kAttempts, " draws at n = ", law_.n, ", k = ", law_.k, ", frame ",
                          name(law_.frame),
                          ": f_S is nearly always 0 or its kurtosis is above 30; take a smaller k"));
}

double FrameParitySampler::acceptance(Index sets) const {
  Index accepted = 0;
  for (Index i = 0; i < sets; ++i) accepted += accepts(random_set(law_, 0, i));
  return static_cast<double>(accepted) / static_cast<double>(sets);
}

}  // namespace eqnn::hard
