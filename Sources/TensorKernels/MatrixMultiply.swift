import CKernels

/// Columns of a thread's block.
private let columnBlock = 320

extension Tensor {
    /// `x W^T + bias`, then the activation, then `residual` added.
    ///
    /// - Parameters:
    ///   - weight: `[out, in]`; a 1x1 convolution's `[out, in, 1, 1]` is the same matrix.
    ///   - bias: `[out]`.
    ///   - activation: applied before the residual is added.
    ///   - residual: a tensor of the result's shape.
    /// - Returns: `[..., out]` for `self` `[..., in]`.
    public func linear(
        _ weight: WeightTensor, bias: Tensor? = nil, activation: Activation = .none, adding residual: Tensor? = nil
    ) -> Tensor {
        let (n, k) = (weight.shape[0], weight.count / weight.shape[0])
        precondition(shape.last == k, "linear layer \(weight.shape) on \(shape)")
        let rows = count / k
        let result = compute.empty(shape.dropLast() + [n])
        precondition(residual?.shape ?? result.shape == result.shape, "residual \(residual?.shape ?? [])")
        let (x, y, kernels) = (pointer, result.pointer, compute.kernels)
        let weight = weight.merged(on: compute)
        defer { compute.used(weight) }

        func finish(_ rows: Range<Int>, _ columns: Range<Int>) {
            guard bias != nil || residual != nil || activation != .none else { return }
            let first = rows.lowerBound * n + columns.lowerBound
            var epilogue = ck_epilogue(
                bias: bias.map { UnsafePointer($0.pointer + columns.lowerBound) },
                residual: residual.map { UnsafePointer($0.pointer + first) }, activation: activation.kernel)
            kernels.finish(y + first, n, n, rows.count, columns.count, &epilogue)
        }

        if rows <= 4 {
            // So few rows are bound by reading the weights: upcasting them into a buffer first would only add to it.
            compute.parallel(n, by: 64, Work(values: weight.byteCount / 4)) { columns, _ in
                weight.withBase { base in
                    kernels.matvec(
                        x, k, base + weight.format.byteCount(of: columns.lowerBound * k), weight.format.kernel,
                        y + columns.lowerBound, n, rows, columns.count, k)
                }
                finish(0..<rows, columns)
            }
            return result
        }
        for chunk in PackedMatrix.chunks(of: n, depth: k) {
            let matrix = ProductMatrix(PackedMatrix(weight, rows: chunk, on: compute), rows: rows)
            let scratch = compute.scratch(compute.threads * matrix.scratchSize)
            let work = Work(products: 2 * rows * chunk.count * k, values: rows * (k + chunk.count))
            compute.blocks(rows: rows, columns: matrix.columns, work) { rows, columns, worker in
                let column = chunk.lowerBound + columns.lowerBound
                matrix.multiply(
                    x + rows.lowerBound * k, k, columns: columns, to: y + rows.lowerBound * n + column, n,
                    right: matrix.columns, rows: rows.count,
                    scratch: scratch.pointer + worker * matrix.scratchSize)
                for half in matrix.halves { finish(rows, (column + half)..<(column + half + columns.count)) }
            }
        }
        return result
    }

    /// GEGLU (Shazeer 2020): a projection to twice the width, split into value and gate, `value * gelu(gate)` with the
    /// exact GELU.
    ///
    /// - Parameters:
    ///   - weight: `[2 * out, in]`, the value's rows first.
    ///   - bias: `[2 * out]`.
    /// - Returns: `[..., out]`.
    public func gatedLinear(_ weight: WeightTensor, bias: Tensor) -> Tensor {
        let (n, k) = (weight.shape[0] / 2, weight.count / weight.shape[0])
        precondition(shape.last == k, "gated linear layer \(weight.shape) on \(shape)")
        let rows = count / k
        let result = compute.empty(shape.dropLast() + [n])
        let (x, y, kernels) = (pointer, result.pointer, compute.kernels)
        let weight = weight.merged(on: compute)
        defer { compute.used(weight) }
        let gateSize = 2 * ProductMatrix.rowBlock * columnBlock
        let gates = compute.scratch(compute.threads * gateSize)
        for chunk in PackedMatrix.chunks(of: n, depth: 2 * k) {
            let gateChunk = (n + chunk.lowerBound)..<(n + chunk.upperBound)
            let values = ProductMatrix(PackedMatrix(weight, rows: chunk, on: compute), rows: rows)
            let packedGates = ProductMatrix(PackedMatrix(weight, rows: gateChunk, on: compute), rows: rows)
            let scratch = compute.scratch(compute.threads * values.scratchSize)
            // The gate is read where it was written, beside the value.
            let work = Work(products: 4 * rows * chunk.count * k, values: rows * (k + 4 * chunk.count))
            compute.blocks(rows: rows, columns: values.columns, work) { rows, columns, worker in
                let input = x + rows.lowerBound * k
                let column = chunk.lowerBound + columns.lowerBound
                let output = y + rows.lowerBound * n + column
                let gate = gates.pointer + worker * gateSize
                let gateColumns = columns.count * values.halves.count
                let scratch = scratch.pointer + worker * values.scratchSize
                values.multiply(
                    input, k, columns: columns, to: output, n, right: values.columns, rows: rows.count,
                    scratch: scratch)
                packedGates.multiply(
                    input, k, columns: columns, to: gate, gateColumns, right: columns.count, rows: rows.count,
                    scratch: scratch)
                for (i, half) in values.halves.enumerated() {
                    kernels.gate(
                        output + half, n, gate + i * columns.count, gateColumns, rows.count, columns.count,
                        bias.pointer + column + half, bias.pointer + n + column + half)
                }
            }
        }
        return result
    }
}

extension Compute {
    /// Runs `body(rows, columns, worker)` over the blocks of a `rows` by `columns` product.
    fileprivate func blocks(
        rows: Int, columns: Int, _ work: Work, _ body: (Range<Int>, Range<Int>, Int) -> Void
    ) {
        let (across, rowBlock) = ((columns + columnBlock - 1) / columnBlock, ProductMatrix.rowBlock)
        parallel((rows + rowBlock - 1) / rowBlock * across, work) { index, worker in
            let (row, column) = (index / across * rowBlock, index % across * columnBlock)
            body(row..<min(rows, row + rowBlock), column..<min(columns, column + columnBlock), worker)
        }
    }
}
