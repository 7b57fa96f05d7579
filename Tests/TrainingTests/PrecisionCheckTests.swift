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

  @Test func aQuickerArithmeticIsTakenOnlyWhereDiceStays() {
    let quick: Precision = Machine.hasBFloat16 ? .bfloat16 : .float32
    #expect(check(["float32": 0.8, "bfloat16": 0.7981]).choice == quick)
    #expect(check(["float32": 0.8, "bfloat16": 0.8019]).choice == quick)
    #expect(check(["float32": 0.8, "bfloat16": 0.7975]).choice == .float32)
    #expect(check(["float32": 0.8, "bfloat16": 0.8025]).choice == .float32)
    #expect(check(["float32": 0.8]).choice == .float32)
    #expect(check(["bfloat16": 0.8]).choice == .float32)
  }

  @Test func theQuickestThatKeepsDiceIsTaken() {
    let whole: Precision = Machine.int8IsQuickest ? .int8 : Machine.hasBFloat16 ? .bfloat16 : .float32
    #expect(check(["float32": 0.8, "bfloat16": 0.8, "int8": 0.7985]).choice == whole)
    // Where bfloat16 fails, int8 may still pass.
    #expect(
      check(["float32": 0.8, "bfloat16": 0.79, "int8": 0.8]).choice
        == (Machine.int8IsQuickest ? .int8 : .float32))
    let quick: Precision = Machine.hasBFloat16 ? .bfloat16 : .float32
    #expect(check(["float32": 0.8, "bfloat16": 0.8, "int8": 0.79]).choice == quick)
    #expect(!PrecisionCheck.quickestFirst.contains(.float32))
  }

  /// Whatever this processor is quick in.
  @Test func ofAnyProcessorsArithmeticsTheQuickestThatKeepsDiceIsTaken() {
    let all: [Precision] = [.int8, .bfloat16]
    func choice(_ bfloat16: Double, _ int8: Double, _ candidates: [Precision]) -> Precision {
      check(["float32": 0.8, "bfloat16": bfloat16, "int8": int8]).choice(among: candidates)
    }
    #expect(choice(0.8, 0.7981, all) == .int8 && choice(0.8, 0.8019, all) == .int8)
    #expect(choice(0.8, 0.7979, all) == .bfloat16 && choice(0.8, 0.8021, all) == .bfloat16)
    #expect(choice(0.7979, 0.7979, all) == .float32 && choice(0.7979, 0.8, all) == .int8)
    #expect(choice(0.8, 0.8, [.bfloat16]) == .bfloat16 && choice(0.8, 0.8, []) == .float32)
    // What was not measured is not taken, nor is anything where float32 was not.
    #expect(check(["float32": 0.8, "bfloat16": 0.8]).choice(among: all) == .bfloat16)
    #expect(check(["int8": 0.8, "bfloat16": 0.8]).choice(among: all) == .float32)
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
