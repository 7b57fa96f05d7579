import Statistics
import Testing

@Suite("Cohen's kappa")
struct CohensKappaTests {
  @Test("Values of tables that were worked by hand")
  func byHand() throws {
    // 20 of 50 agree on yes, 15 on no: o = 0.7, c = 0.5 · 0.6 + 0.5 · 0.4 = 0.5.
    let value = CohensKappa.value(both: 20, first: 5, second: 10, neither: 15)
    #expect(abs((value ?? 0) - 0.4) < 1e-12)
    #expect(CohensKappa.value(both: 3, first: 0, second: 0, neither: 2) == 1)
    #expect(CohensKappa.value(both: 0, first: 2, second: 2, neither: 0) == -1)
    // With one answer alone, chance agrees as well.
    #expect(CohensKappa.value(both: 4, first: 0, second: 0, neither: 0) == nil)
    #expect(CohensKappa.value(both: 0, first: 0, second: 0, neither: 0) == nil)
  }

  @Test("The interval resamples groups, and holds the value")
  func interval() throws {
    let cases = [(20, true, true), (5, true, false), (10, false, true), (15, false, false)].flatMap {
      count, a, b in
      [(first: Bool, second: Bool)](repeating: (a, b), count: count)
    }
    let single = try #require(try CohensKappa.interval(cases.map { [$0] }))
    let ends = try #require(single.ends)
    #expect(
      abs(single.value - 0.4) < 1e-12 && ends.contains(0.4) && ends.lowerBound > 0 && ends.upperBound < 0.7)
    // Ten equal cases a patient tell no more than one.
    let grouped = try #require(try CohensKappa.interval(cases.map { [_](repeating: $0, count: 10) })?.ends)
    #expect(grouped == ends)
    #expect(try CohensKappa.interval([cases])?.ends == nil)
    #expect(try CohensKappa.interval([]) == nil)
  }
}
