import CKernels

/// Makes uniform values in [0, 1) normal ones, as PyTorch's vectorised CPU kernel does, to the last bit: in blocks of 16,
/// each of the first eight paired with the one eight places on. What is left over of a last block stays as it is.
package func makeNormal(_ values: inout ArraySlice<Float>) {
    values.withUnsafeMutableBufferPointer { ck_normal_blocks($0.baseAddress, $0.count / 16) }
}
