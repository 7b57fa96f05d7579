import Testing

@testable import Torch

/// Rows as bytes with a scale of their own.
@Suite struct QuantizedRowsTests {
  private func restored(_ rows: (codes: Tensor, scales: Tensor)) throws -> Tensor {
    try (rows.codes.to(.float32) - Double(Tensor.codeOfZero)) * rows.scales.to(.float32)
  }

  @Test(arguments: [DType.float32, .bfloat16], [1, 3, 31, 257])
  func valuesComeBackWithinHalfAStep(_ type: DType, _ width: Int) throws {
    let generator = try Generator(seed: UInt64(width))
    let sizes = try Tensor([1e-6, 1, 3e4, 250, 1, 1e-3] as [Float], shape: [2, 3, 1])
    let x = try (Tensor.randomNormal([2, 3, width], generator: generator) * sizes).to(type)
    let rows = try x.quantizedRows()
    #expect(rows.codes.shape == [2, 3, width] && rows.codes.dtype == .uint8)
    #expect(rows.scales.shape == [2, 3, 1] && rows.scales.dtype == type)
    // Half a step, and as much as the inverse of the step is rounded.
    let far = try ((restored(rows) - x.to(.float32)).magnitude() / rows.scales.to(.float32)).doubles()
    #expect(far.allSatisfy { $0 <= 0.5001 })
    // The largest of a row uses the whole range, whatever its size.
    let largest = try (rows.codes.to(.float32) - 128).magnitude().max([-1]).doubles()
    #expect(largest.allSatisfy { (125...127).contains($0) })
  }

  @Test func aRowDoesNotDependOnOthers() throws {
    let generator = try Generator(seed: 1)
    let x = try Tensor.randomNormal([200, 64], generator: generator)
    let all = try x.quantizedRows()
    let one = try Machine.withThreads(1) { try x.quantizedRows() }
    #expect(
      try all.codes.array(of: UInt8.self) == one.codes.array() && all.scales.floats() == one.scales.floats())
    for row in [0, 63, 64, 199] {
      let alone = try x.narrowed(dim: 0, start: row, length: 1).quantizedRows()
      let codes: [UInt8] = try alone.codes.array()
      #expect(try all.codes.narrowed(dim: 0, start: row, length: 1).array() == codes)
    }
  }

  @Test func transposedRowsAreRead() throws {
    let x = try Tensor([1, -2, 3, -4] as [Float], shape: [2, 2]).transposed(0, 1)
    let codes: [UInt8] = try x.quantizedRows().codes.array()
    #expect(codes == [170, 254, 65, 2])
  }

  @Test(arguments: [DType.float32, .bfloat16]) func zerosHaveTheMiddleCode(_ type: DType) throws {
    let rows = try Tensor.zeros([2, 5], dtype: type).quantizedRows()
    #expect(try rows.codes.array(of: UInt8.self).allSatisfy { $0 == 128 })
    #expect(try rows.scales.doubles().allSatisfy { $0 > 0 })
  }

  @Test(arguments: [DType.float32, .bfloat16], [Float.nan, .infinity])
  func whatIsNotFiniteStaysSo(_ type: DType, _ value: Float) throws {
    let rows = try Tensor([1, value, 2, 1, 1, 1], shape: [2, 3]).to(type).quantizedRows()
    let scales = try rows.scales.doubles()
    #expect(!scales[0].isFinite && scales[1].isFinite)
  }

  @Test func otherTypesAreRefused() throws {
    for type in [DType.float64, .int64, .bool] {
      #expect(throws: TorchError.self) { try Tensor.zeros([2, 2], dtype: type).quantizedRows() }
    }
    #expect(throws: TorchError.self) { try Tensor.scalar(1).quantizedRows() }
  }

  @Test(arguments: [[0, 4], [3, 0]]) func nothingGivesNothing(_ shape: [Int]) throws {
    let rows = try Tensor.zeros(shape).quantizedRows()
    #expect(rows.codes.shape == shape && rows.scales.count == shape[0])
  }
}
