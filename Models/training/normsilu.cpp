// GroupNorm followed by SiLU, forward and backward, on channels-last values (float32 or bfloat16), one thread.
// PyTorch's own are several times slower than the convolutions between which they stand.
#include <torch/extension.h>
#include <vector>
#include <cmath>
using torch::Tensor;

template <typename T> static inline float get(const T *p) { return static_cast<float>(*p); }

template <typename T>
static void sums(const T *x, int64_t hw, int64_t c, float *s, float *q) {
    // partial sums per 256 rows keep float32 exact enough
    std::vector<double> ds(c, 0), dq(c, 0);
    std::vector<float> fs(c), fq(c);
    for (int64_t i = 0; i < hw; i += 256) {
        std::fill(fs.begin(), fs.end(), 0.f); std::fill(fq.begin(), fq.end(), 0.f);
        float *a = fs.data(), *b = fq.data();
        for (int64_t r = i; r < std::min(hw, i + 256); r++) {
            const T *row = x + r * c;
            for (int64_t k = 0; k < c; k++) { float v = get(row + k); a[k] += v; b[k] += v * v; }
        }
        for (int64_t k = 0; k < c; k++) { ds[k] += fs[k]; dq[k] += fq[k]; }
    }
    for (int64_t k = 0; k < c; k++) { s[k] = ds[k]; q[k] = dq[k]; }
}

template <typename T>
static void forward(const T *x, T *y, int64_t n, int64_t hw, int64_t c, int64_t g, const float *w, const float *b, float eps, float *mean, float *rstd) {
    std::vector<float> s(c), q(c), scale(c), shift(c);
    int64_t cg = c / g;
    for (int64_t i = 0; i < n; i++) {
        const T *xi = x + i * hw * c; T *yi = y + i * hw * c;
        sums(xi, hw, c, s.data(), q.data());
        for (int64_t j = 0; j < g; j++) {
            double m = 0, v = 0;
            for (int64_t k = j * cg; k < (j + 1) * cg; k++) { m += s[k]; v += q[k]; }
            m /= cg * hw; v = std::max(v / (cg * hw) - m * m, 0.0);
            float r = 1.f / std::sqrt((float)v + eps);
            mean[i * g + j] = m; rstd[i * g + j] = r;
            for (int64_t k = j * cg; k < (j + 1) * cg; k++) { scale[k] = w[k] * r; shift[k] = b[k] - (float)m * scale[k]; }
        }
        const float *sc = scale.data(), *sh = shift.data();
        for (int64_t r = 0; r < hw; r++) {
            const T *row = xi + r * c; T *out = yi + r * c;
            for (int64_t k = 0; k < c; k++) { float z = get(row + k) * sc[k] + sh[k]; out[k] = T(z / (1.f + std::exp(-z))); }
        }
    }
}

template <typename T>
static void backward(const T *x, const T *dy, T *dx, int64_t n, int64_t hw, int64_t c, int64_t g, const float *w, const float *b, const float *mean, const float *rstd, float *dw, float *db) {
    int64_t cg = c / g;
    std::vector<float> scale(c), shift(c), a1(c), a2(c), c0(c), c1(c), c2(c);
    std::vector<double> s1(c), s2(c);
    for (int64_t i = 0; i < n; i++) {
        const T *xi = x + i * hw * c, *di = dy + i * hw * c; T *oi = dx + i * hw * c;
        for (int64_t k = 0; k < c; k++) { float r = rstd[i * g + k / cg], m = mean[i * g + k / cg]; scale[k] = w[k] * r; shift[k] = b[k] - m * scale[k]; }
        std::fill(s1.begin(), s1.end(), 0); std::fill(s2.begin(), s2.end(), 0);
        const float *sc = scale.data(), *sh = shift.data();
        for (int64_t r0 = 0; r0 < hw; r0 += 256) {
            std::fill(a1.begin(), a1.end(), 0.f); std::fill(a2.begin(), a2.end(), 0.f);
            float *p1 = a1.data(), *p2 = a2.data();
            for (int64_t r = r0; r < std::min(hw, r0 + 256); r++) {
                const T *row = xi + r * c, *d = di + r * c; T *o = oi + r * c;
                for (int64_t k = 0; k < c; k++) {
                    float v = get(row + k), z = v * sc[k] + sh[k], e = 1.f / (1.f + std::exp(-z));
                    float dz = get(d + k) * e * (1.f + z * (1.f - e));
                    o[k] = T(dz); p1[k] += dz; p2[k] += dz * v;
                }
            }
            for (int64_t k = 0; k < c; k++) { s1[k] += a1[k]; s2[k] += a2[k]; }
        }
        for (int64_t j = 0; j < g; j++) {
            float m = mean[i * g + j], r = rstd[i * g + j];
            double t1 = 0, t2 = 0;
            for (int64_t k = j * cg; k < (j + 1) * cg; k++) {
                float dzx = (s2[k] - m * s1[k]) * r;  // sum of dz * xhat
                dw[k] += dzx; db[k] += s1[k];
                t1 += w[k] * s1[k]; t2 += w[k] * dzx;
            }
            t1 /= cg * hw; t2 /= cg * hw;
            // dx = r * (w dz - t1 - xhat t2), xhat = (x - m) r
            for (int64_t k = j * cg; k < (j + 1) * cg; k++) { c0[k] = r * w[k]; c1[k] = -r * r * (float)t2; c2[k] = -r * (float)t1 + r * r * m * (float)t2; }
        }
        const float *q0 = c0.data(), *q1 = c1.data(), *q2 = c2.data();
        for (int64_t r = 0; r < hw; r++) {
            const T *row = xi + r * c; T *o = oi + r * c;
            for (int64_t k = 0; k < c; k++) o[k] = T(q0[k] * get(o + k) + q1[k] * get(row + k) + q2[k]);
        }
    }
}

std::vector<Tensor> fwd(Tensor x, Tensor w, Tensor b, int64_t groups, double eps) {
    x = x.contiguous(at::MemoryFormat::ChannelsLast);
    auto y = at::empty_like(x, at::MemoryFormat::ChannelsLast);
    int64_t n = x.size(0), c = x.size(1), hw = x.size(2) * x.size(3);
    auto mean = at::empty({n, groups}, at::kFloat), rstd = at::empty({n, groups}, at::kFloat);
    auto run = [&](auto *p, auto *q) { forward(p, q, n, hw, c, groups, w.data_ptr<float>(), b.data_ptr<float>(), (float)eps, mean.data_ptr<float>(), rstd.data_ptr<float>()); };
    if (x.scalar_type() == at::kBFloat16) run(x.data_ptr<at::BFloat16>(), y.data_ptr<at::BFloat16>());
    else run(x.data_ptr<float>(), y.data_ptr<float>());
    return {y, mean, rstd};
}

std::vector<Tensor> bwd(Tensor x, Tensor dy, Tensor w, Tensor b, Tensor mean, Tensor rstd, int64_t groups) {
    x = x.contiguous(at::MemoryFormat::ChannelsLast);
    dy = dy.contiguous(at::MemoryFormat::ChannelsLast);
    auto dx = at::empty_like(x, at::MemoryFormat::ChannelsLast);
    int64_t n = x.size(0), c = x.size(1), hw = x.size(2) * x.size(3);
    auto dw = at::zeros({c}, at::kFloat), db = at::zeros({c}, at::kFloat);
    auto run = [&](auto *p, auto *d, auto *o) { backward(p, d, o, n, hw, c, groups, w.data_ptr<float>(), b.data_ptr<float>(), mean.data_ptr<float>(), rstd.data_ptr<float>(), dw.data_ptr<float>(), db.data_ptr<float>()); };
    if (x.scalar_type() == at::kBFloat16) run(x.data_ptr<at::BFloat16>(), dy.data_ptr<at::BFloat16>(), dx.data_ptr<at::BFloat16>());
    else run(x.data_ptr<float>(), dy.data_ptr<float>(), dx.data_ptr<float>());
    return {dx, dw, db};
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) { m.def("fwd", &fwd); m.def("bwd", &bwd); }
