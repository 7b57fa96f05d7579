import Testing

@testable import Metrics
@testable import Studies

@Suite("Counterfactual check")
struct CounterfactualTests {
  /// A square mask of a side with a centred square of ones.
  private func square(_ inner: Int, of side: Int = 16) throws -> BinaryMask {
    let first = (side - inner) / 2
    return try BinaryMask(
      width: side, height: side,
      values: (0..<side * side).map {
        (first..<first + inner).contains($0 % side) && (first..<first + inner).contains($0 / side)
      })
  }

  private func item(
    _ scene: String, _ confounder: String, _ before: BinaryMask, _ after: BinaryMask, zoom: Double = 1
  ) -> Counterfactual.Case {
    Counterfactual.Case(
      scene: scene, confounder: confounder, zoom: zoom, before: (before, before), after: (after, after))
  }

  @Test("Equal predictions agree fully, two empty ones too, disjoint ones not at all")
  func agreement() throws {
    let (four, empty) = (try square(4), try square(0))
    #expect(try item("s", "blur", four, four).agreement() == 1)
    #expect(try item("s", "blur", empty, empty).agreement() == 1)
    #expect(try item("s", "blur", four, empty).agreement() == 0)
    // 4×4 inside 8×8.
    #expect(try item("s", "blur", four, square(8)).agreement() == 0.25)
  }

  @Test("A view twice as near agrees when the mask is twice as large")
  func zoom() throws {
    #expect(try item("s", "near", square(4), square(8), zoom: 2).agreement() == 1)
    #expect(try item("s", "far", square(8), square(4), zoom: 0.5).agreement() == 1)
    // What the nearer picture does not show is not counted.
    #expect(try item("s", "near", square(12), square(16), zoom: 2).agreement() == 1)
  }

  @Test("The summary has a row a confounder, and the mean over scenes of their worst")
  func summary() throws {
    let (four, eight) = (try square(4), try square(8))
    let summary = try Counterfactual.Summary(of: [
      item("a", "blur", four, four), item("a", "mucus", four, eight),
      item("b", "blur", four, eight), item("b", "mucus", four, eight),
    ])
    #expect(summary.rows.map(\.confounder) == ["blur", "mucus"])
    #expect(summary.rows.map(\.agreement) == [0.625, 0.25])
    #expect(summary.rows.map(\.worst) == [0.25, 0.25])
    #expect(summary.worstCase == 0.25 && summary.scenes == 2)
    #expect(summary.agreement == 0.4375)
    #expect(summary.rows.allSatisfy { $0.count == 2 && $0.diceBefore == 1 && $0.diceAfter == 1 })
  }

  @Test(
    "The mean of summaries is that of their numbers, and the table has a row a confounder and one for all")
  func mean() throws {
    let (four, eight) = (try square(4), try square(8))
    let first = try Counterfactual.Summary(of: [item("a", "blur", four, four)])
    let second = try Counterfactual.Summary(of: [item("a", "blur", four, eight)])
    let both = try Counterfactual.Summary(meanOf: [first, second])
    #expect(both.agreement == 0.625 && both.worstCase == 0.625 && both.rows[0].agreement == 0.625)
    #expect(both.scenes == 1 && both.rows[0].count == 1)
    let table = Counterfactual.table([("x", first), ("y", both)])
    #expect(table.headings.count == 9 && table.rows.map { $0[0] } == ["blur", "all"])
    #expect(
      table.rows[0] == ["blur", "1.000", "1.000", "1.000", "1.000", "0.625", "0.625", "1.000", "1.000"])
    #expect(Counterfactual.table([]).rows.isEmpty)
    #expect(throws: MetricError.self) { try Counterfactual.Summary(meanOf: []) }
  }

  @Test("No case, and masks of two sizes, are errors")
  func faults() throws {
    #expect(throws: MetricError.self) { try Counterfactual.Summary(of: []) }
    #expect(throws: MetricError.self) { try item("s", "blur", square(4), square(4, of: 8)).agreement() }
  }
}
