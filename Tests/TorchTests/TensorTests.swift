import Foundation
import Testing

@testable import Storage
@testable import Torch

@Suite struct TensorTests {
  @Test func shapeErrorIsThrownWithLibtorchsMessage() throws {
    let a = try Tensor.ones([2, 3])
    let b = try Tensor.ones([4, 5])
    let error = #expect(throws: TorchError.self) { try a.matmul(b) }
    #expect(error?.description.contains("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)") == true)
  }

  @Test func unknownOperatorIsThrownNotTrapped() throws {
    let missing = Operator("aten::no_such_operator")
    #expect(throws: TorchError.self) { try missing(1) }
  }

  @Test func wrongArgumentKindAndCountAreThrown() throws {
    let x = try Tensor.ones([2])
    #expect(throws: TorchError.self) { try Operators.exp("text") }
    #expect(throws: TorchError.self) { try Operators.exp(x, x, x) }
    #expect(throws: TorchError.self) { try Operators.exp() }
    #expect(throws: TorchError.self) { try Operators.exp(x, named: ["nonsense": 1]) }
  }

  @Test func valuesRoundTrip() throws {
    let x = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    #expect(x.shape == [2, 3])
    #expect(try x.transposed().contiguous().array(of: Float.self) == [1, 4, 2, 5, 3, 6])
    #expect(try x.to(.bfloat16).to(.float32).floats() == [1, 2, 3, 4, 5, 6])
    #expect(throws: TorchError.self) { try x.array(of: Int64.self) }
    #expect(throws: TorchError.self) { try Tensor([1, 2] as [Float], shape: [3]) }
    #expect(throws: TorchError.self) { try Tensor.ones([2]).item() }
  }

  @Test(arguments: [DType.float32, .float64, .float16, .bfloat16])
  func productsWorkInEveryRealType(dtype: DType) throws {
    let a = try Tensor.full([3, 4], 0.5, dtype: dtype)
    let b = try Tensor.full([4, 2], 2, dtype: dtype)
    let product = try a.matmul(b)
    #expect(product.dtype == dtype)
    #expect(try product.doubles() == Array(repeating: 4, count: 6))
  }

  @Test func gradientsMatchFiniteDifferences() throws {
    let x = try Tensor([0.3, -0.7, 1.1, 0.2], shape: [2, 2]).requireGradient()
    let function: (Tensor) throws -> Tensor = { try ($0.matmul($0).sigmoid() * $0.exp()).sum() }
    try function(x).backward()
    let gradient = try #require(try x.gradient()).doubles()
    let values = try x.doubles()
    for index in values.indices {
      var up = values
      var down = values
      up[index] += 1e-6
      down[index] -= 1e-6
      let slope =
        try (function(Tensor(up, shape: [2, 2])).item() - function(Tensor(down, shape: [2, 2])).item()) / 2e-6
      #expect(abs(slope - gradient[index]) < 1e-7)
    }
  }

  @Test func nothingIsRecordedWithoutGradients() throws {
    let x = try Tensor.ones([2]).requireGradient()
    let y = try withoutGradients { try x * 2 }
    #expect(!y.requiresGradient)
    #expect(try (x * 2).requiresGradient)
    #expect(throws: TorchError.self) { try y.sum().backward() }
  }

  @Test func autocastLowersProductsAndEndsAfterAnError() throws {
    let a = try Tensor.ones([2, 2])
    #expect(try autocast(to: .bfloat16) { try a.matmul(a) }.dtype == .bfloat16)
    #expect(throws: TorchError.self) { try autocast(to: .bfloat16) { try a.matmul(Tensor.ones([3, 3])) } }
    #expect(try a.matmul(a).dtype == .float32)
  }

  @Test func autocastToFloat32SwitchesASurroundingAutocastOff() throws {
    // 1 + 2⁻¹⁰ has no bfloat16.
    let a = try Tensor.full([1, 1], 1 + 1.0 / 1024)
    let one = try Tensor.ones([1, 1])
    try autocast(to: .bfloat16) {
      let exact = try autocast(to: .float32) { try a.matmul(one) }
      #expect(exact.dtype == .float32)
      #expect(try exact.item() == 1 + 1.0 / 1024)
      // nil leaves the surrounding one alone, and that one goes on afterwards.
      #expect(try autocast(to: nil) { try a.matmul(one) }.dtype == .bfloat16)
      #expect(throws: TorchError.self) {
        try autocast(to: .float32) { try a.matmul(Tensor.ones([3, 3])) }
      }
      #expect(try a.matmul(one).dtype == .bfloat16)
    }
    #expect(try autocast(to: .float32) { try a.matmul(one) }.dtype == .float32)
    #expect(try a.matmul(one).dtype == .float32)
  }

  @Test func generatorStateCanBeSavedAndPutBack() throws {
    let generator = try Generator(seed: 7)
    _ = try Tensor.randomNormal([5], generator: generator)
    let state = try generator.state()
    let first = try Tensor.randomNormal([100], generator: generator)
    try generator.setState(state)
    #expect(try Tensor.randomNormal([100], generator: generator).isEqual(to: first))
    #expect(throws: TorchError.self) { try generator.setState(Tensor.ones([3])) }
  }

  @Test func generatorsOfOtherPurposesAreUnrelated() throws {
    let a = try Tensor.randomNormal([50], generator: Generator(seed: 1, for: "head"))
    let b = try Tensor.randomNormal([50], generator: Generator(seed: 1, for: "tower"))
    let again = try Tensor.randomNormal([50], generator: Generator(seed: 1, for: "head"))
    #expect(try a.isEqual(to: again))
    #expect(try !a.isEqual(to: b))
  }

  @Test func devicesAreReadAndWrittenAsText() throws {
    #expect(throws: TorchError.self) { try Device(parsing: "tpu") }
    #expect(throws: TorchError.self) { try Device(parsing: "cuda:x") }
    #expect((try? Device(parsing: "cpu")) == .cpu)
    for text in ["cpu", "cuda:0", "cuda:3", "mps"] {
      let device = try Device(parsing: text)
      #expect(device.description == text)
      #expect(try JSONValue(encoding: device).decoded(as: Device.self) == device)
      #expect(device.isAvailable == ((try? device.requireAvailable()) != nil))
    }
  }
}
