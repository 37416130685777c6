#include "cimagecodecs.h"
#include "processors.h"

enum { weight_bits = 22, half = 1 << (weight_bits - 1), column_block = 64 };

static inline uint8_t round_to_byte(int32_t sum) {
    int32_t value = sum >> weight_bits;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static inline void resample_row_1(const uint8_t *row, const cimage_filter *filter, uint8_t *output) {
    const int32_t *weights = filter->weights;
    for (size_t x = 0; x < filter->count; x++) {
        const uint8_t *pixel = row + filter->starts[x];
        size_t length = (size_t)filter->lengths[x];
        int32_t sum = half;
        for (size_t i = 0; i < length; i++) sum += pixel[i] * weights[i];
        weights += length;
        output[x] = round_to_byte(sum);
    }
}

static inline void resample_row_3(const uint8_t *row, const cimage_filter *filter, uint8_t *output) {
    const int32_t *weights = filter->weights;
    for (size_t x = 0; x < filter->count; x++) {
        const uint8_t *pixel = row + 3 * (size_t)filter->starts[x];
        size_t length = (size_t)filter->lengths[x];
        int32_t red = half, green = half, blue = half;
        for (size_t i = 0; i < length; i++) {
            red += pixel[3 * i + 0] * weights[i];
            green += pixel[3 * i + 1] * weights[i];
            blue += pixel[3 * i + 2] * weights[i];
        }
        weights += length;
        output[3 * x + 0] = round_to_byte(red);
        output[3 * x + 1] = round_to_byte(green);
        output[3 * x + 2] = round_to_byte(blue);
    }
}

FOR_EACH_PROCESSOR
void cimage_resample_horizontally(const uint8_t *source, size_t width, size_t rows, size_t channels,
                                  const cimage_filter *filter, uint8_t *destination) {
    for (size_t y = 0; y < rows; y++) {
        const uint8_t *row = source + y * width * channels;
        uint8_t *output = destination + y * filter->count * channels;
        if (channels == 1) {
            resample_row_1(row, filter, output);
        } else {
            resample_row_3(row, filter, output);
        }
    }
}

FOR_EACH_PROCESSOR
void cimage_resample_vertically(const uint8_t *source, size_t row_bytes, const cimage_filter *filter,
                                uint8_t *destination) {
    const int32_t *weights = filter->weights;
    for (size_t y = 0; y < filter->count; y++) {
        const uint8_t *first = source + (size_t)filter->starts[y] * row_bytes;
        size_t length = (size_t)filter->lengths[y];
        uint8_t *output = destination + y * row_bytes;
        size_t x = 0;
        // Blocks of columns whose sums stay in registers.
        for (; x + column_block <= row_bytes; x += column_block) {
            int32_t sums[column_block];
            for (size_t i = 0; i < column_block; i++) sums[i] = half;
            for (size_t k = 0; k < length; k++) {
                const uint8_t *bytes = first + k * row_bytes + x;
                int32_t weight = weights[k];
                for (size_t i = 0; i < column_block; i++) sums[i] += bytes[i] * weight;
            }
            for (size_t i = 0; i < column_block; i++) output[x + i] = round_to_byte(sums[i]);
        }
        for (; x < row_bytes; x++) {
            int32_t sum = half;
            for (size_t k = 0; k < length; k++) sum += first[k * row_bytes + x] * weights[k];
            output[x] = round_to_byte(sum);
        }
        weights += length;
    }
}
