import Foundation
import Imaging
import Metrics
import Storage
import Testing
import TestSupport

@testable import Reporting
@testable import Statistics
@testable import Studies

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

  @Test("A page with a status says what is missing and reloads itself, and so does a study without a result")
  func unfinished() throws {
    let page = HTMLPage(title: "t", lead: "l", status: "So far: 1 < 2").text
    #expect(page.contains("role=\"status\">So far: 1 &lt; 2</p>") && page.contains("http-equiv=\"refresh\""))
    let image = try Image(width: 2, height: 1, channels: 1, pixels: [0, 255])
    let opening = try StudyReport.opening(
      title: "t", lead: "l", status: "So far: no result.",
      rows: [.init(text: "site-a", pictures: [("polyp", image)])])
    #expect(opening.contains("So far: no result.") && opening.contains("http-equiv=\"refresh\""))
    #expect(opening.contains("alt=\"site-a: polyp\""))
    let draft = try StudyReport(results: StudyExample.study(), status: "So far: 1 of 3").page(
      title: "t", lead: "l")
    #expect(draft.contains("So far: 1 of 3") && draft.contains("Dice at sites that were not trained on"))
  }

  @Test("The page of a study shows every section that it has something for, and its verdicts as they stand")
  func study() throws {
    let results = try StudyExample.study()
    let timing = try StudyTiming(folds: StudyExample.folds(), total: 40, workers: 2)
    let page = try StudyReport(results: results, timing: timing).page(title: "t", lead: "l")
    #expect(results.verdicts.count == 2)
    for verdict in results.verdicts { #expect(page.contains(HTMLPage.escaped(verdict))) }
    let headings = page.matches(of: /<h2 id=".*?">(.*?)<\/h2>/).map { String($0.1) }
    #expect(
      headings == [
        "Dice at sites that were not trained on", "Differences between methods, paired by image",
        "How firm is the order?",
        "What the move to a new site costs", "By lesion class, lesion size and empty reference",
        "Every score", "Lesions found", "Calibration",
        "Does the prediction move when only a confounder moves?", "How it was made",
      ])
    #expect(
      page.contains("<td>epochs</td><td>8</td>")
        && page.contains("<td>mcdrl: model.options.causal</td><td>0.5</td>"))
    #expect(page.contains("<td>time</td><td>40 s</td>") && page.contains("00000000feedface"))
    #expect(page.components(separatedBy: "<svg").count == 4)
    // Names are for people, and predictors that ignore the image stand beside the methods.
    for name in ["hd95", "_percent", "over_seeds", "p_holm", "rank_biserial", "s_measure"] {
      #expect(!page.contains(name), "\(name)")
    }
    #expect(page.components(separatedBy: "<th>mean training mask</th>").count == 5)
    for finding in results.findings { #expect(page.contains(HTMLPage.escaped(finding))) }
  }

  @Test(
    "The page says in words how masks were made",
    arguments: [
      (MaskThreshold.fixed(0.25), "Prediction: a probability of at least 0.25. "),
      (.dice, "Prediction: the level of probability with the highest expected Dice, for each image by "),
      (nil, "Prediction: the rule of inference.threshold of each run. "),
    ] as [(MaskThreshold?, String)])
  func threshold(_ threshold: MaskThreshold?, _ sentence: String) throws {
    var description = StudyExample.description(["x"])
    description.threshold = threshold
    let results = try StudyResults(
      folds: [StudyExample.fold("a", "x", dice: [1, 0.5])], description: description)
    let timing = StudyTiming(folds: [], total: 1, workers: 1)
    let page = try StudyReport(results: results, timing: timing).page(title: "t", lead: "l")
    #expect(page.contains(sentence))
    let json = try JSONValue(encoding: results).members?["protocol"]?.members?["threshold"]
    #expect(json == threshold.map { $0 == .dice ? .string("dice") : .number(0.25) } ?? .null)
  }

  @Test("Without intervals the page ranks by the means alone and says why")
  func fewPatients() throws {
    let methods = ["x", "y", "z"]
    let results = try StudyExample.results(
      methods.map { try StudyExample.fold("a", $0, dice: [1, 0.5]) }, methods: methods)
    let page = try StudyReport(results: results).page(title: "t", lead: "l")
    #expect(page.contains("That cannot be told: 2 independent patients"))
    #expect(page.contains("0.750 (no interval)") && !page.contains("% of resamples"))
  }

  @Test("One method alone makes a page without comparisons")
  func oneMethod() throws {
    let results = try StudyExample.results(
      [StudyExample.fold("a", "only", dice: [1, 0.5])], methods: ["only"])
    let page = try StudyReport(results: results).page(title: "t", lead: "l")
    #expect(page.contains("<td>mean over sites</td><td>2</td><td>0.750"))
    #expect(!page.contains("Differences between") && !page.contains("How firm"))
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
    #expect(svg.components(separatedBy: " mark\"").count == 6)
    #expect(svg.contains("b &amp; c"))
    let places = svg.matches(of: /x[12]="([-0-9.]+)"/).compactMap { Double($0.1) }
    #expect(places.allSatisfy { (0...720).contains($0) })
    // No line of the axis crosses the label of a row, whose letters stand on its baseline.
    let labels = svg.matches(of: /class="row" x="[0-9.]+" y="([0-9.]+)"/).compactMap { Double($0.1) }
    let lines = svg.matches(of: /class="grid" x1="[0-9.]+" y1="([0-9.]+)" x2="[0-9.]+" y2="([0-9.]+)"/)
      .compactMap { line in Double(line.1).flatMap { low in Double(line.2).map { low...max(low, $0) } } }
    #expect(labels.count == 2 && !lines.isEmpty)
    for label in labels {
      #expect(lines.allSatisfy { $0.upperBound < label - 10 || $0.lowerBound > label })
    }
  }
}
