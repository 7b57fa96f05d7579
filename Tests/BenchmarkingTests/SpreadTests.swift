import Testing

@testable import Benchmarking

@Suite struct SpreadTests {
  @Test func quartilesAreInterpolatedBetweenRanks() throws {
    let spread = try #require(Spread(of: [4, 1, 3, 2]))
    #expect(spread.count == 4)
    #expect(spread.minimum == 1)
    #expect(spread.lower == 1.75)
    #expect(spread.median == 2.5)
    #expect(spread.upper == 3.25)
  }

  @Test func ofNothingThereIsNone() {
    #expect(Spread(of: []) == nil)
    #expect(Spread.ratio(of: [1], to: []) == nil)
  }

  @Test func ratiosArePairedByRoundSoThatASlowPhaseCancels() throws {
    // The machine was ten times as slow in the second half.
    let ratio = try #require(Spread.ratio(of: [2, 2, 20, 20], to: [1, 1, 10, 10]))
    #expect(ratio.lower == 2)
    #expect(ratio.median == 2)
    #expect(ratio.upper == 2)
  }

  @Test func aSampleOfNoTimeGivesNoRatio() throws {
    let ratio = try #require(Spread.ratio(of: [2, 3], to: [0, 1]))
    #expect(ratio.count == 1)
    #expect(ratio.median == 3)
  }
}
