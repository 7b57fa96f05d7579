import CLIP
import Foundation
import Testing
import TestSupport
import Torch

@testable import Training

/// What decides the arithmetic of inference.
@Suite struct PrecisionCheckTests {
  private func check(_ dice: [String: Double]) -> PrecisionCheck {
    PrecisionCheck(images: 10, dice: dice, processor: "any")
  }

  @Test func ofTheArithmeticsThatKeepDiceTheFastestIsTaken() {
    func choice(_ bfloat16: Double?, _ int8: Double?, _ times: [String: Double]) -> Precision {
      let dice = ["float32": 0.8, "bfloat16": bfloat16, "int8": int8].compactMapValues { $0 }
      return check(dice).choice(times)
    }
    let zen = ["float32": 4, "bfloat16": 2, "int8": 1.0]
    #expect(choice(0.8, 0.7981, zen) == .int8 && choice(0.8, 0.8019, zen) == .int8)
    #expect(choice(0.8, 0.7979, zen) == .bfloat16 && choice(0.8, 0.8021, zen) == .bfloat16)
    #expect(choice(0.7979, 0.7979, zen) == .float32 && choice(0.7979, 0.8, zen) == .int8)
    // With tile products, int8 gains nothing. A gain within chance is none.
    #expect(choice(0.8, 0.8, ["float32": 4, "bfloat16": 1, "int8": 0.95]) == .bfloat16)
    #expect(choice(0.8, 0.8, ["float32": 1, "bfloat16": 1.5, "int8": 0.95]) == .float32)
    // Without a time or without a score nothing is taken.
    #expect(choice(0.8, 0.8, ["float32": 4]) == .float32 && choice(nil, nil, zen) == .float32)
    #expect(check(["int8": 0.8, "bfloat16": 0.8]).choice(zen) == .float32)
  }

  @Test func aRunKeepsTheTimesOfAProcessor() throws {
    let tiny = try TinyRun()
    try tiny.run.create()
    var geometry = CLIPConfiguration()
    geometry.vision.hiddenSize = 64
    let clip = ClipDescription(geometry: geometry, preparation: ImagePreparation(size: 32))
    let first = try PrecisionSpeed.times(of: tiny.run, clip, imageSize: 32)
    #expect(Set(first.keys) == Set(Precision.allCases.filter(\.isQuickHere).map(\.rawValue)))
    #expect(first.values.allSatisfy { $0 > 0 && $0.isFinite })
    #expect(try PrecisionSpeed.times(of: tiny.run, clip, imageSize: 32) == first)
    // A damaged record is made anew.
    try Data("{".utf8).write(to: tiny.run.speedFile)
    #expect(try !PrecisionSpeed.times(of: tiny.run, clip, imageSize: 32).isEmpty)
  }

  @Test func changesAreAgainstSinglePrecision() throws {
    let change = try #require(check(["float32": 0.5, "int8": 0.49]).change(.int8))
    #expect(abs(change + 0.01) < 1e-12)
    #expect(check(["float32": 0.5]).change(.int8) == nil)
  }

  @Test func aRunWithoutTheFileWasNotMeasuredAndADamagedOneIsNamed() throws {
    let tiny = try TinyRun()
    try tiny.run.create()
    #expect(try PrecisionCheck.stored(in: tiny.run) == nil)
    let wanted = check(["float32": 0.5])
    try tiny.run.write(wanted, to: tiny.run.precisionFile)
    #expect(try PrecisionCheck.stored(in: tiny.run) == wanted)
    try Data("{".utf8).write(to: tiny.run.precisionFile)
    #expect { try PrecisionCheck.stored(in: tiny.run) } throws: {
      "\($0)".contains(tiny.run.precisionFile.path) && "\($0)".contains("state the precision")
    }
  }
}
