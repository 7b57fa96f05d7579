import Foundation
import Imaging
import Testing

@testable import Evaluation

@Suite("Report")
struct ReportTests {
  @Test("A page holds what it was given, harmless, and asks nothing of the network")
  func page() throws {
    var page = HTMLPage(title: "A & B", lead: "x < y")
    page.section("Sites", "\"quoted\"")
    page.table(["site", "Dice"], [["<script>", "0.5"], ["mean", "0.6"]], emphasised: [1])
    try page.gallery(
      "best", [("image", Image(width: 2, height: 1, channels: 1, pixels: [0, 255]))])
    let text = page.text
    #expect(text.contains("<title>A &amp; B</title>") && text.contains("x &lt; y"))
    #expect(text.contains("&lt;script&gt;") && !text.contains("<script"))
    #expect(text.contains("<tr class=\"total\"><td>mean</td>"))
    #expect(text.contains("src=\"data:image/jpeg;base64,"))
    #expect(!text.contains("http"))
  }

  /// Two sites of two images by two methods; the candidate is 0.5 better everywhere but at the last image.
  private func folds(candidate: [[Bool]]) throws -> [FoldResult] {
    func scores(_ isRight: Bool) throws -> ImageScores {
      let full = try BinaryMask(width: 2, height: 1, pixels: [1, 1])
      let none = try BinaryMask(width: 2, height: 1, pixels: [0, 0])
      return try ImageScores(prediction: isRight ? full : none, reference: full, tolerance: 1)
    }
    func fold(_ site: String, _ method: String, _ right: [Bool]) throws -> FoldResult {
      FoldResult(
        site: site, method: method, seed: 4, epoch: 1, validationDice: 0.75, seconds: 1,
        images: try right.enumerated().map {
          .init(image: "\($0)", group: "\(site)/\($0)", lesionClass: "polyp", scores: try scores($1))
        })
    }
    return try ["a", "b"].enumerated().flatMap { index, site in
      [try fold(site, "baseline", [true, false]), try fold(site, "mcdrl", candidate[index])]
    }
  }

  @Test("A comparison pairs by image, weighs sites alike, and says only what its interval holds")
  func comparison() throws {
    let folds = try folds(candidate: [[true, true], [true, false]])
    let comparison = try MethodComparison(folds, reference: "baseline", candidate: "mcdrl")
    #expect(comparison.rows.map(\.site) == ["a", "b", nil] && comparison.rows.map(\.count) == [2, 2, 4])
    #expect(comparison.rows.compactMap { $0.difference?.value } == [0.5, 0, 0.25])
    #expect(comparison.rows.map(\.differenceBySeed) == [[0.5], [0], [0.25]])
    #expect(comparison.rows[2].dice["mcdrl"]?.value == 0.75)
    #expect(comparison.rows[2].familiar == ["baseline": 0.75, "mcdrl": 0.75])
    func report(_ folds: [FoldResult]) throws -> ComparisonReport {
      ComparisonReport(
        data: "drawn", comparison: try MethodComparison(folds, reference: "baseline", candidate: "mcdrl"),
        counterfactual: [:], folds: folds,
        environment: .init(version: "1", libtorch: "2", vectorInstructions: "AVX2", threads: 1, seconds: 3))
    }
    #expect(try report(folds).verdict.hasPrefix("No difference"))
    let equal = try report(self.folds(candidate: [[true, true], [true, true]]))
    #expect(equal.table.rows.count == 3 && equal.drops.rows[1] == ["mcdrl", "0.750", "1.000", "-0.250"])
    let page = try equal.page(title: "t", lead: "l", examples: [], settings: [("batch", "16")])
    #expect(page.contains(HTMLPage.escaped(equal.verdict)) && page.contains("<td>batch</td><td>16</td>"))
    #expect(page.components(separatedBy: "<svg").count == 3)
  }

  @Test("Folds of one site that hold other images are refused, also when one has fewer")
  func otherImages() throws {
    let folds = try folds(candidate: [[true], [true, false]])
    #expect(throws: MetricError.differentImages(site: "a")) {
      try MethodComparison(folds, reference: "baseline", candidate: "mcdrl")
    }
  }

  @Test(
    "Ticks are round, evenly spaced and enclose the range",
    arguments: [
      (0.0, 1.0), (0.31, 0.64), (-0.05, 0.02), (0.5, 0.5), (-120, 35),
    ])
  func ticks(range: (Double, Double)) {
    let ticks = PlotAxis.ticks(range.0, range.1)
    #expect(ticks.count >= 2 && ticks.count <= 12)
    #expect(ticks[0] <= range.0 + 1e-12 && ticks[ticks.count - 1] >= range.1 - 1e-12)
    let step = ticks[1] - ticks[0]
    #expect(zip(ticks, ticks.dropFirst()).allSatisfy { abs($1 - $0 - step) < 1e-9 })
  }

  @Test("A plot has a mark for each interval, a legend for several series, and stays within its frame")
  func plot() throws {
    let interval = Interval(value: 0.5, low: 0.4, high: 0.7)
    let svg = IntervalPlot(
      series: ["baseline", "mcdrl"],
      rows: [.init(label: "a", marks: [interval, nil]), .init(label: "b & c", marks: [interval, interval])]
    ).svg
    // Three marks and two in the legend.
    #expect(svg.components(separatedBy: "<circle").count == 6)
    #expect(svg.contains("b &amp; c"))
    let places = svg.matches(of: /x[12]="([-0-9.]+)"/).compactMap { Double($0.1) }
    #expect(places.allSatisfy { (0...720).contains($0) })
  }
}
