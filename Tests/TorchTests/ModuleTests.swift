import Testing

@testable import Torch

private final class Block: Module {
  @Child var first: Linear
  @Child var rest: [Linear]
  @Child var norm: LayerNorm?
  @Child var batch: BatchNorm2d

  override init() { fatalError("use init(generator:)") }

  init(generator: Generator) throws {
    _first = Child("first", try Linear(2, 3, generator: generator))
    _rest = Child("rest", try (0..<2).map { _ in try Linear(3, 3, bias: false, generator: generator) })
    _norm = Child("norm", nil)
    _batch = Child("batch", try BatchNorm2d(3))
    super.init()
  }
}

@Suite struct ModuleTests {
  @Test func parametersAndBuffersCarryTheirCheckpointKeys() throws {
    let block = try Block(generator: Generator(seed: 0))
    #expect(
      block.parameters().map(\.key) == [
        "first.weight", "first.bias", "rest.0.weight", "rest.1.weight", "batch.weight", "batch.bias",
      ])
    #expect(block.buffers().map(\.key) == ["batch.running_mean", "batch.running_var"])
  }

  @Test func loadingReportsEveryDifferenceAndCopiesNothing() throws {
    let block = try Block(generator: Generator(seed: 0))
    let before = try block.first.weight.floats()
    var state = block.state()
    state["first.weight"] = try .zeros([4, 2])
    state["rest.0.weight"] = nil
    state["stray"] = try .zeros([1])
    let error = #expect(throws: TorchError.self) { try block.load(state, from: "model.safetensors") }
    let text = error?.description ?? ""
    #expect(text.contains("model.safetensors"))
    #expect(text.contains("missing: rest.0.weight"))
    #expect(text.contains("not part of the model: stray"))
    #expect(text.contains("first.weight (expected [3, 2], found [4, 2])"))
    #expect(try block.first.weight.floats() == before)
  }

  @Test func loadingConvertsTypes() throws {
    let block = try Block(generator: Generator(seed: 0))
    let half = try block.state().mapValues { try $0.to(.float16) }
    let other = try Block(generator: Generator(seed: 1))
    try other.load(half, from: "memory")
    let difference = try (other.first.weight - block.first.weight).magnitude().max([0, 1]).item()
    #expect(difference < 1e-3)
  }

  @Test func adoptingTakesTheTensorsThemselves() throws {
    let (block, other) = (try Block(generator: Generator(seed: 0)), try Block(generator: Generator(seed: 1)))
    var state = try block.state().mapValues { try $0.copy() }
    // Another type is converted, and so copied.
    state["rest.0.weight"] = try state["rest.0.weight"]?.to(.float16)
    try other.adopt(state, from: "memory")
    #expect(other.first.weight === state["first.weight"])
    #expect(other.batch.mean === state["batch.running_mean"])
    #expect(other.rest[0].weight.dtype == .float32)
    #expect(try (other.rest[0].weight - block.rest[0].weight).magnitude().max([0, 1]).item() < 1e-3)
  }

  @Test func adoptingWhatDoesNotFitTakesNothing() throws {
    let block = try Block(generator: Generator(seed: 0))
    let before = block.state()
    var state = try before.mapValues { try $0.copy() }
    state["batch.bias"] = nil
    #expect(throws: TorchError.self) { try block.adopt(state, from: "model.safetensors") }
    #expect(block.state().allSatisfy { before[$0.key] === $0.value })
  }

  @Test func copiedWeightsAreNoViews() throws {
    let block = try Block(generator: Generator(seed: 0))
    let state = block.state()
    try block.copyWeights()
    #expect(try block.first.weight.floats() == state["first.weight"]?.floats())
    #expect(block.state().allSatisfy { state[$0.key] !== $0.value })
  }

  @Test func withoutItsWeightsAModuleOnlyInfers() throws {
    let x = try Tensor.randomNormal([4, 2], generator: Generator(seed: 2))
    let layer = try Linear(2, 3, generator: Generator(seed: 0))
    layer.train(false)
    try layer.prepare(for: .float32)
    let wanted = try layer(x).floats()
    try layer.prepare(for: .float32, keepingWeights: false)
    try layer.copyWeights()
    #expect(try layer(x).floats() == wanted)
    #expect(layer.weight.shape == [3, 2])
    layer.train()
    #expect(throws: TorchError.self) { try layer(x).floats() }
    #expect(throws: TorchError.self) { try layer.prepare(for: .float32) }
    #expect(throws: TorchError.self) { try layer.weight.floats() }
    let state = try Linear(2, 3, generator: Generator(seed: 1)).state()
    #expect { try layer.load(state, from: "memory") } throws: { "\($0)".contains("given up") }
    let half = try state.mapValues { try $0.to(.float16) }
    #expect { try layer.adopt(half, from: "memory") } throws: { "\($0)".contains("given up") }
    layer.train(false)
    #expect(try layer(x).floats() == wanted)
  }

  @Test func aConvolutionWithoutItsWeightsKeepsItsLayout() throws {
    let x = try Tensor.randomNormal([1, 2, 5, 5], generator: Generator(seed: 2))
    let layer = try Conv2d(2, 3, kernel: 1, generator: Generator(seed: 0))
    layer.train(false)
    try layer.prepare(for: .float32, keepingWeights: false)
    let wanted = try layer(x).floats()
    #expect(throws: TorchError.self) { try layer.prepare(for: .bfloat16) }
    #expect(try layer(x).floats() == wanted)
  }

  @Test func whatWasLaidOutDoesNotFollowTheWeights() throws {
    let x = try Tensor.randomNormal([1, 2, 5, 5], generator: Generator(seed: 2))
    let (layer, other) = (
      try Conv2d(2, 3, kernel: 1, generator: Generator(seed: 0)),
      try Linear(5, 5, generator: Generator(seed: 0))
    )
    for module in [layer, other] as [Module] {
      module.train(false)
      try module.prepare(for: .float32)
    }
    let wanted = (try layer(x).floats(), try other(x).floats())
    for module in [layer, other] as [Module] {
      for parameter in module.parameters() { try parameter.tensor.fill(9) }
    }
    #expect(try layer(x).floats() == wanted.0)
    #expect(try other(x).floats() == wanted.1)
  }

  @Test func evaluationReachesEveryChild() throws {
    let block = try Block(generator: Generator(seed: 0))
    block.train(false)
    #expect(!block.batch.isTraining)
  }
}
