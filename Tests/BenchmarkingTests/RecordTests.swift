import Foundation
import Testing

@testable import Benchmarking

@Suite struct RecordTests {
  @Test func aRecordReadsBackAsItWasWritten() throws {
    let record = exampleRecord()
    let data = try JSONEncoder().encode(record)
    #expect(try JSONDecoder().decode(BenchmarkRecord.self, from: data) == record)
  }

  @Test func aPeerIsComparedWithOursOfItsPrecision() throws {
    let one = exampleRecord().cases[0]
    let transformers = try #require(one.comparisons.first { $0.peer.name == "transformers" })
    #expect(transformers.ours.precision == "float32")
    #expect(transformers.ratio.median == 2)
  }

  @Test func aPeerWithoutAPrecisionIsComparedWithTheFirstOfOurs() throws {
    let one = exampleRecord().cases[0]
    let other = try #require(one.comparisons.first { $0.peer.precision == nil })
    #expect(other.ours.precision == "float32")
    #expect(abs(other.ratio.median - 3) < 1e-9)
  }

  @Test func aPeerMaySayWhichOfOursItIsComparedWith() throws {
    var one = exampleRecord().cases[0]
    one.contestants[1].name = "mcdrl, reduced"
    one.contestants[3].against = "mcdrl, reduced"
    let other = try #require(one.comparisons.first { $0.peer.precision == nil })
    #expect(other.ours.name == "mcdrl, reduced")
  }

  @Test func theBestPeerIsTheQuickest() throws {
    let one = exampleRecord().cases[0]
    #expect(one.bestPeer(of: one.contestants[0])?.peer.name == "transformers")
    #expect(one.bestPeer(of: one.contestants[1]) == nil)
  }

  @Test func aPeerOfAnotherPrecisionIsNotTheBest() {
    var one = exampleRecord().cases[0]
    one.contestants[2].precision = "int8"
    one.contestants[2].samples = [0.01, 0.01, 0.01]
    #expect(one.bestPeer(of: one.contestants[0])?.peer.precision == nil)
  }

  @Test func aPeerThatFailedIsNotCompared() {
    #expect(!exampleRecord().cases[0].comparisons.contains { $0.peer.name == "openvino" })
  }

  @Test func theShareOfThePeakFollowsFromTheOperations() throws {
    let record = exampleRecord()
    let one = record.cases[0]
    let share = try #require(one.share(of: one.contestants[0], peaks: record.peaks))
    #expect(abs(share - 0.5) < 1e-9)
    #expect(one.share(of: one.contestants[1], peaks: record.peaks) == nil)
  }
}
