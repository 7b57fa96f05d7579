import Testing
import TestSupport
import Torch

@testable import Segmentation

@Suite("Random convolutions")
struct RandConvTests {
  @Test("Filtered images equal NumPy's, alone and mixed with the image")
  func parity() throws {
    let fixture = try Fixture("randconv", in: "peers")
    let filtered = try RandConv.filtered(fixture["images"], by: fixture["filter"], share: nil)
    #expect(try difference(filtered, fixture["filtered"]) < 1e-5)
    let mixed = try RandConv.filtered(
      fixture["images"], by: fixture["filter"], share: .full([1, 1, 1, 1], 0.3))
    #expect(try difference(mixed, fixture["mixed"]) < 1e-5)
  }

  @Test("Half of the steps are filtered, each by its own draw, and a step repeats")
  func steps() throws {
    let method = try some(RandConv.self)
    let images = try Tensor.randomUniform([2, 3, 8, 8], generator: Generator(seed: 1))
    var (changed, first) = (0, Set<Float>())
    for seed in 0..<100 {
      let filtered = try method.images(images, somePass([0, 1], UInt64(seed)))
      guard try !filtered.isEqual(to: images) else { continue }
      changed += 1
      first.insert(try filtered.floats()[0])
      #expect(try method.images(images, somePass([0, 1], UInt64(seed))).isEqual(to: filtered))
    }
    #expect((35...65).contains(changed) && first.count == changed)
    let never = try some(RandConv.self) { $0.probability = 0 }
    #expect(try never.images(images, somePass([0, 1])).isEqual(to: images))
  }

  @Test("Filters keep the scale of centred pixels")
  func scale() throws {
    let method = try some(RandConv.self) { ($0.probability, $0.mixes) = (1, false) }
    // Pixels of deviation 0.25: the 3·k² weights of a filter have the variance 1/(3·k²) for every k.
    let images = try Tensor.randomNormal([1, 3, 64, 64], generator: Generator(seed: 2)) * 0.25 + 0.5
    let variances = try (0..<200).map {
      try method.images(images, somePass([0], UInt64($0))).variance([0, 1, 2, 3]).item()
    }
    let mean = variances.reduce(0, +) / 200
    #expect(abs(mean - 0.0625) < 0.015, "\(mean)")
  }

  @Test("An even side is refused by name")
  func options() throws {
    let text = message { _ = try some(RandConv.self) { $0.side = 4 } }
    #expect(text.contains("model.options.side is 4") && text.contains("odd"), "\(text)")
  }
}

@Suite("Random intensity networks")
struct IntensityNetworksTests {
  private func network() throws -> (IntensityNetworks.Network, Fixture) {
    let fixture = try Fixture("gin", in: "peers")
    return (
      try IntensityNetworks.Network(
        filters: (0..<4).map { try fixture["filter\($0)"] },
        shifts: (0..<4).map { try fixture["shift\($0)"] },
        share: fixture["share"]), fixture
    )
  }

  @Test("A batch equals its images, each passed alone through PyTorch's convolutions")
  func parity() throws {
    let (network, fixture) = try network()
    #expect(try difference(network(fixture["x"]), fixture["changed"]) < 1e-4)
  }

  @Test("Blending maps equal SciPy's cubic B-splines, scaled to 0…1")
  func maps() throws {
    let fixture = try Fixture("gin", in: "peers")
    let map = try IntensityNetworks.map(fixture["points"], height: 10, width: 7)
    #expect(try difference(map, fixture["map"]) < 1e-5)
    // The weights of each position sum to 1, also at both ends.
    let sums = try IntensityNetworks.spline(9, points: 6).sum([1])
    #expect(try difference(sums, .ones([9])) < 1e-6)
  }

  @Test("Every image is changed in its own way, its norm stays, and a step repeats")
  func images() throws {
    let images = try Tensor.randomUniform([1, 3, 16, 16], generator: Generator(seed: 1))
      .expanded(to: [3, 3, 16, 16]).contiguous()
    let gin = try some(IntensityNetworks.self) { $0.points = 0 }
    let changed = try gin.images(images, somePass([0, 0, 1]))
    func norm(_ x: Tensor) throws -> Tensor {
      try CentredPixels.centred(x).power(2).sum([1, 2, 3]).squareRoot()
    }
    #expect(try difference(norm(changed), norm(images)) < 1e-2)
    let rows = try (0..<3).map { try changed.selected(dim: 0, index: $0) }
    #expect(try !rows[0].isEqual(to: rows[1]) && !rows[1].isEqual(to: rows[2]))
    let blended = try some(IntensityNetworks.self)
    let one = try blended.images(images, somePass([0, 0, 1]))
    #expect(try one.isEqual(to: blended.images(images, somePass([0, 0, 1]))) && !one.isEqual(to: changed))
  }

  @Test("Too few control points are refused by name")
  func options() throws {
    let text = message { _ = try some(IntensityNetworks.self) { $0.points = 3 } }
    #expect(text.contains("model.options.points is 3") && text.contains("from 4 to 64"), "\(text)")
  }
}
