// A network of products: every unit multiplies two affine functions of what is before it, so that the output is
// a polynomial of the input, of degree 4.
#pragma once

#include <string>

#include "dense.h"
#include "points.h"

namespace eqnn {

// h = (U x + b) * (V x + c), elementwise: [b, n, in] -> [b, n, out]. Parameters: NAME.u, NAME.v (weight and bias).
template <class T>
class ProductLayer {
 public:
  ProductLayer(Params<T>& p, const std::string& name, Index in, Index out)
      : u(p, name + ".u", in, out), v(p, name + ".v", in, out) {}
  Tensor<T> operator()(Tensor<T> x) const { return mul(u(x), v(x)); }

  Linear<T> u, v;
};

// With z the input, [b, n, in] -> [b, n, 1], point by point:
//   h = (U1 z + b) * (V1 z + c), q = (U2 [h, z] + b) * (V2 [h, z] + c), out = W [q, h, z] + b,
// h and q of `width` channels. A sum of T products of four affine functions takes width 2 T.
// Parameters: NAME.first, NAME.second (ProductLayer), NAME.out.
template <class T>
class PolyNetwork {
 public:
  PolyNetwork(Params<T>& p, const std::string& name, Index in, Index width)
      : first(p, name + ".first", in, width),
        second(p, name + ".second", width + in, width),
        out(p, name + ".out", 2 * width + in, 1) {}
  Tensor<T> operator()(Tensor<T> z) const {
    const Tensor<T> hz = join_channels(first(z), z);
    return out(join_channels(second(hz), hz));
  }

  ProductLayer<T> first, second;
  Linear<T> out;
};

}  // namespace eqnn
