import Testing

@testable import Torch

/// Devices without a graphics processor: what is refused, and what the meta device shows.
@Suite struct DeviceWorkTests {
  private let meta = Device(kind: .meta, index: -1)

  @Test func theProcessorMeasuresItsOwnTime() throws {
    var calls = 0
    let seconds = try Device.cpu.seconds { calls += 1 }
    #expect(calls == 1 && seconds >= 0)
    #expect(throws: CancellationError.self) { try Device.cpu.seconds { throw CancellationError() } }
    #expect(try Device.cpu.memory() == nil)
    try Device.cpu.resetPeakMemory()
    try Device.cpu.synchronize()
    #expect(Device.cpu.count == 1)
  }

  @Test("A device without events or memory of its own throws")
  func metaHasNoClock() throws {
    #expect(throws: TorchError.self) { try meta.seconds {} }
    #expect(throws: TorchError.self) { try meta.memory() }
    #expect(throws: TorchError.self) { try meta.resetPeakMemory() }
    #expect(meta.count == 0)
  }

  @Test("CUDA is refused where libtorch has none", .enabled(if: !Machine.hasCUDA))
  func withoutCUDA() throws {
    let x = try Tensor.ones([2])
    #expect(Device.cuda().count == 0)
    #expect(throws: TorchError.self) { try Device.cuda().requireAvailable() }
    #expect(throws: TorchError.self) { try Device.cuda().synchronize() }
    #expect(throws: TorchError.self) { try Device.cuda().seconds {} }
    #expect(throws: TorchError.self) { try Device.cuda().memory() }
    #expect(throws: TorchError.self) { try x.pinned(for: .cuda()) }
    #expect(throws: TorchError.self) { try x.sent(to: .cuda()) }
    #expect(Machine.cudaProblem == nil)
  }

  @Test("Only a device with pinned memory gets other copies")
  func copies() throws {
    let x = try Tensor.ones([2])
    #expect(try x.pinned(for: .cpu) === x && x.sent(to: .cpu) === x && x.pinned(for: meta) === x)
    #expect(try x.sent(to: meta).device.kind == .meta)
  }

  @Test("The arithmetic of float32 on CUDA is a choice, which the CPU does not follow")
  func exactFloat32() throws {
    let before = try Machine.usesExactFloat32()
    defer { try? Machine.setExactFloat32(before) }
    let generator = try Generator(seed: 3)
    let (a, b) = (
      try Tensor.randomNormal([40, 40], generator: generator),
      try Tensor.randomNormal([40, 40], generator: generator)
    )
    try Machine.setExactFloat32(true)
    #expect(try Machine.usesExactFloat32())
    let exact = try a.matmul(b).floats()
    try Machine.setExactFloat32(false)
    #expect(try !Machine.usesExactFloat32())
    #expect(try a.matmul(b).floats() == exact)
  }

  @Test("A convolution lies with channels last where tensor cores want it")
  func channelsLast() throws {
    let layer = try Conv2d(3, 4, kernel: 3, generator: Generator(seed: 1))
    try layer.requireGradients(true)
    try layer.move(to: .cpu)
    #expect(layer.weight.isContiguous)
    try layer.move(to: meta)
    #expect(!layer.weight.isContiguous && layer.weight.shape == [4, 3, 3, 3])
    #expect(layer.weight.requiresGradient && layer.bias?.device.kind == .meta)
  }

  @Test("Kernels for the CPU refuse tensors of another device")
  func kernelsRefuse() throws {
    let elsewhere = try Tensor.zeros([1, 2, 4, 16], device: meta)
    withoutGradients {
      #expect(!elsewhere.isFitForOwnAttention(elsewhere, elsewhere))
      #expect(throws: TorchError.self) { try elsewhere.ownAttention(keys: elsewhere, values: elsewhere) }
    }
    #expect(throws: TorchError.self) { try elsewhere.quantizedRows() }
    let weight = try Tensor.zeros([4, 4], device: meta)
    for precision in Precision.allCases {
      let error = #expect(throws: TorchError.self) {
        try CompiledLinear(weight, bias: nil, precision: precision)
      }
      #expect(error?.description.contains("the CPU alone") == true)
    }
    let layer = try Conv2d(3, 4, kernel: 3, generator: Generator(seed: 1))
    try layer.move(to: meta)
    #expect(throws: TorchError.self) { try layer.compiled(for: .float32) }
  }
}
