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

  @Test func ofManyDifferencesTheMessageShowsTheFirst() throws {
    let block = try Block(generator: Generator(seed: 0))
    var state = block.state()
    for index in 100..<3000 { state["stray.\(index)"] = try .zeros([1]) }
    let error = #expect(throws: TorchError.self) { try block.load(state, from: "model.safetensors") }
    let text = error?.description ?? ""
    #expect(text.contains("stray.100, ") && text.hasSuffix("and 2880 more") && text.count < 500, "\(text)")
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

  @Test func evaluationReachesEveryChild() throws {
    let block = try Block(generator: Generator(seed: 0))
    block.train(false)
    #expect(!block.batch.isTraining)
  }
}
