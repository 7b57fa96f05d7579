import Foundation
import Metrics
import Testing
import Torch

@testable import Training

@Suite("Smoothing of masks in time")
struct MaskSmootherTests {
  private func settings(_ smooth: Double, keep: Double = 1) -> VideoSettings {
    var settings = VideoSettings()
    (settings.smooth, settings.keep) = (smooth, keep)
    return settings
  }

  private func map(_ values: Float...) throws -> Tensor { try Tensor(values, shape: [1, values.count]) }

  private func isLesion(_ mask: Tensor) throws -> [Bool] {
    try mask.to(.uint8).array(of: UInt8.self).map { $0 == 1 }
  }

  @Test("Without smoothing each frame has its own mask")
  func off() throws {
    var smoother = MaskSmoother(settings(0, keep: 0.1), rule: MaskRule(0.5))
    _ = try smoother(map(0.9, 0.1), time: 0)
    let (raw, smoothed) = try smoother(map(0.4, 0.6), time: 0.04)
    #expect(try isLesion(raw) == [false, true])
    #expect(try isLesion(smoothed) == [false, true])
  }

  @Test(
    "A step to 1 reaches 1 − exp(−t/τ), whatever the steps",
    arguments: [[0.2], [0.1, 0.2], [0.05, 0.06, 0.2]])
  func step(times: [Double]) throws {
    let reached = 1 - exp(-0.2 / 0.1)
    for (threshold, expected) in [(reached - 1e-3, true), (reached + 1e-3, false)] {
      var smoother = MaskSmoother(settings(0.1), rule: MaskRule(.fixed(threshold)))
      var found = try smoother(map(0), time: 0)
      for time in times { found = try smoother(map(1), time: time) }
      #expect(try isLesion(found.smoothed) == [expected])
      #expect(try isLesion(found.raw) == [true])
    }
  }

  @Test("Frames of the future change no mask of the past")
  func causal() throws {
    let start = try (0..<6).map { try Tensor.seeded([4, 5], UInt64($0)).sigmoid() }
    let ends = try [10, 20].map { seed in
      try (0..<4).map { try Tensor.seeded([4, 5], UInt64(seed + $0)).sigmoid() }
    }
    let masks = try ends.map { end in
      var smoother = MaskSmoother(settings(0.1, keep: 0.8), rule: MaskRule(0.5))
      return try (start + end).enumerated().map { index, map in
        try isLesion(smoother(map, time: Double(index) / 25).smoothed)
      }
    }
    #expect(masks[0][..<6] == masks[1][..<6])
    #expect(masks[0] != masks[1])
  }

  @Test("A pixel stays lesion down to the share of the threshold, and starts at the threshold")
  func hysteresis() throws {
    var smoother = MaskSmoother(settings(1e-3, keep: 0.8), rule: MaskRule(0.5))
    var found: [[Bool]] = []
    // So short a time constant passes the maps on unchanged.
    for (index, values) in [(0.6, 0.45), (0.45, 0.45), (0.41, 0.49), (0.39, 0.51), (0.45, 0.41)].enumerated()
    {
      let map = try map(Float(values.0), Float(values.1))
      found.append(try isLesion(smoother(map, time: Double(index)).smoothed))
    }
    #expect(found == [[true, false], [true, false], [true, false], [false, true], [false, true]])
  }

  @Test("After a reset a frame has its own mask")
  func reset() throws {
    var smoother = MaskSmoother(settings(10, keep: 0.1), rule: MaskRule(0.5))
    _ = try smoother(map(1), time: 0)
    #expect(try isLesion(smoother(map(0), time: 0.04).smoothed) == [true])
    smoother.reset()
    #expect(try isLesion(smoother(map(0), time: 0.08).smoothed) == [false])
  }

  @Test("Timestamps that do not grow, and maps of another size, do no harm")
  func oddTimes() throws {
    var smoother = MaskSmoother(settings(0.01), rule: MaskRule(0.5))
    _ = try smoother(map(0), time: 5)
    #expect(try isLesion(smoother(map(1), time: 5).smoothed) == [true])
    #expect(try isLesion(smoother(map(1), time: 1).smoothed) == [true])
    #expect(try isLesion(smoother(map(0, 1), time: 2).smoothed) == [false, true])
  }

  @Test(
    "Several classes are smoothed each, also with a level for each",
    arguments: [MaskThreshold.fixed(0.5), .dice])
  func classes(threshold: MaskThreshold) throws {
    var smoother = MaskSmoother(settings(0.05, keep: 0.8), rule: MaskRule(threshold))
    let maps = try Tensor([0.9, 0.0, 0.0, 0.9] as [Float], shape: [2, 1, 2])
    _ = try smoother(maps, time: 0)
    let found = try smoother(maps, time: 1).smoothed
    #expect(found.shape == [2, 1, 2])
    #expect(try isLesion(found) == [true, false, false, true])
  }
}
