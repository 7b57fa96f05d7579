import Foundation
import Testing

@testable import Reporting
@testable import Statistics

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite("Plots")
struct PlotTests {
  private static let names = [
    "baseline", "mcdrl", "no-mtrs", "no-cdrl", "random-dictionary", "no-dictionary", "exact", "U-Net",
    "a method whose name is so long that it cannot stand on a line of the legend", "all & <background>",
  ]

  private static func interval(_ value: Double, _ half: Double) -> Interval {
    Interval(value: value, low: value - half, high: value + half)
  }

  /// Every plot with data of all kinds: usual, none, one point, ten series, equal, negative, huge, not a number.
  static let drawings: [String] = {
    let all = names
    func line(_ name: String, _ values: [Double]) -> LinePlot.Series {
      var points: [LinePlot.Point] = []
      for (index, value) in values.enumerated() {
        points.append(
          .init(x: Double(index + 1), y: value, range: value.isFinite ? (value - 0.1)...(value + 0.1) : nil))
      }
      return LinePlot.Series(name: name, points: points)
    }
    var bins: [ReliabilityPlot.Bin] = []
    for index in 0..<10 {
      let place = index == 3 ? nil : Double(index) / 10
      bins.append(.init(count: index == 3 ? 0 : 1 << (20 - 2 * index), confidence: place, positives: place))
    }
    let many = (0..<3000).map(Double.init)
    let intervals: [IntervalPlot] = [
      IntervalPlot(
        series: all, rows: ["a", "b"].map { .init(label: $0, marks: all.map { _ in interval(0.5, 0.1) }) }),
      IntervalPlot(series: [], rows: []),
      IntervalPlot(series: ["x"], rows: [.init(label: "equal", marks: [interval(0.7, 0)])]),
      IntervalPlot(
        series: ["x"], rows: [.init(label: "a & b", marks: [interval(-1e6, 2e5)])], showsZero: true),
      IntervalPlot(
        series: ["x"], rows: [.init(label: "nan", marks: [Interval(value: .nan, low: .nan, high: .infinity)])]
      ),
    ]
    let lines: [LinePlot] = [
      LinePlot(all.map { line($0, [0.1, 0.5, 0.4]) }, xName: "epoch", yName: "Dice"),
      LinePlot([line("long", (0..<50).map { 1 / Double($0 + 1) })], xName: "epoch", yName: "L_seg"),
      LinePlot([], xName: "x", yName: "y"), LinePlot([line("one", [3])], xName: "x", yName: "y"),
      LinePlot([line("equal", [2, 2, 2]), line("none", [])], xName: "x", yName: "y"),
      LinePlot([line("odd", [.nan, -1e9, .infinity, 1e9])], xName: "x", yName: "y"),
    ]
    let scatters: [ScatterPlot] = [
      ScatterPlot(
        "many", x: many.map { sin($0) * 40 }, y: many.map { cos($0 * 3) },
        categories: many.map { Int($0) % 10 },
        names: all),
      ScatterPlot("none", x: [], y: [], categories: [], names: []),
      ScatterPlot("one", x: [7], y: [-7], categories: [0], names: ["a"]),
      ScatterPlot("odd", x: [.nan, 1, 1], y: [0, .infinity, 1], categories: [0, 0, 5], names: ["a"]),
    ]
    let bars: [BarPlot] = [
      BarPlot(
        series: all, groups: [.init(label: "blur", values: all.indices.map { Double($0) / 100 })],
        valueName: "weight", reference: (0.083, "all alike")),
      BarPlot(series: [], groups: [], valueName: "nothing"),
      BarPlot(
        series: ["a", "b"],
        groups: [.init(label: "x", values: [-3, nil]), .init(label: "y", values: [.nan, 0])], valueName: "v"),
    ]
    let reliabilities: [ReliabilityPlot] = [
      ReliabilityPlot(all.map { .init(name: $0, bins: bins) }), ReliabilityPlot([]),
      ReliabilityPlot([.init(name: "none", bins: [])]),
      ReliabilityPlot([.init(name: "one", bins: [.init(count: 1, confidence: 0.4, positives: 1)])]),
    ]
    return intervals.map(\.svg) + lines.map(\.svg) + scatters.map(\.svg) + bars.map(\.svg)
      + reliabilities.map(\.svg)
  }()

  @Test(
    "Whatever the data, a plot is well-formed, says what it shows, and stays within its frame",
    arguments: drawings)
  func soundness(svg: String) throws {
    let parser = XMLParser(data: Data(svg.utf8))
    #expect(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "")")
    #expect(svg.contains("role=\"img\"") && svg.contains("aria-label=\"") && svg.contains("<title>"))
    #expect(!svg.lowercased().contains("nan") || svg.contains(">nan<"))
    let height = try #require(svg.firstMatch(of: /viewBox="0 0 420 ([0-9.]+)"/).flatMap { Double($0.1) })
    let across = svg.matches(of: /\sx[12]?="([-0-9.]+)"/).compactMap { Double($0.1) }
    let down = svg.matches(of: /\sy[12]?="([-0-9.]+)"/).compactMap { Double($0.1) }
    #expect(across.allSatisfy { (0...420).contains($0) } && down.allSatisfy { (0...height).contains($0) })
    for start in svg.matches(of: /[ML]([-0-9.]+) ([-0-9.]+)/) {
      #expect((-1...421).contains(try #require(Double(start.1))))
      #expect((-1...height + 1).contains(try #require(Double(start.2))))
    }
  }

  @Test("Up to fifty-six series no two share colour and shape")
  func marks() {
    let looks = (0..<56).map { "\(PlotMark.colour($0)) \(PlotMark.shape($0))" }
    #expect(Set(looks).count == 56)
    let shapes = (0..<PlotMark.shapes).map { PlotMark.path(shape: $0, x: 0, y: 0, r: 5) }
    #expect(Set(shapes).count == PlotMark.shapes)
  }

  @Test("A legend goes on below where a line is full, and no entry reaches beyond the drawing")
  func legend() throws {
    var drawing = SVGDrawing()
    let bottom = drawing.legend(Self.names, .line)
    #expect(bottom > 60)
    let svg = drawing.svg(height: bottom, label: "legend")
    for entry in svg.matches(of: /<text x="([0-9.]+)" y="[0-9.]+">(?:<title>[^<]*<\/title>)?([^<]*)<\/text>/)
    {
      #expect(try #require(Double(entry.1)) + SVGDrawing.width(of: entry.2) <= SVGDrawing.width + 1)
    }
    #expect(svg.contains("…</text>") && svg.contains("line of the legend</title>"))
    #expect(drawing.legend(["alone"], .mark, top: 3) == 3)
  }

  @Test(
    "Numbers at an axis have the decimals that its steps need",
    arguments: [
      ([0.31, 0.64], ["0.3", "0.4", "0.5", "0.6", "0.7"]),
      ([-0.012, 0.02], ["−0.02", "−0.01", "0.00", "0.01", "0.02"]),
      ([0, 12_000], ["0", "5,000", "10,000", "15,000"]),
    ])
  func labels(values: [Double], expected: [String]) {
    let axis = PlotAxis(values)
    #expect(axis.ticks.map(axis.label) == expected)
  }

  @Test("A logarithmic axis has powers of ten, and equal factors are equally far")
  func powers() {
    let axis = PlotAxis(powersOfTen: [0.002, 1, 0, -.infinity])
    #expect(axis.ticks.map(axis.label) == ["0.001", "0.01", "0.1", "1"])
    #expect(abs(axis.place(0.01, from: 0, to: 3) - 1) < 1e-12 && axis.place(0, from: 0, to: 3) == 0)
    #expect(PlotAxis(powersOfTen: [1e-9, 1]).ticks.count <= 5)
  }

  @Test("An axis of whole numbers has no halves")
  func whole() {
    #expect(PlotAxis([1, 3], steps: 6, isWhole: true).ticks == [1, 2, 3])
    #expect(PlotAxis([4], isWhole: true).ticks.allSatisfy { $0 == $0.rounded() })
  }

  @Test("Bars begin at zero and point away from it")
  func bars() throws {
    let svg = BarPlot(
      series: ["a", "b"], groups: [.init(label: "g", values: [-1, 3])], valueName: "v"
    ).svg
    let bars = svg.matches(of: /class="s[0-9] bar" x="([0-9.]+)" y="[0-9.]+" width="([0-9.]+)"/)
      .compactMap { match in Double(match.1).flatMap { x in Double(match.2).map { (x, $0) } } }.suffix(2)
    let (left, right) = (try #require(bars.first), try #require(bars.last))
    #expect(abs(left.0 + left.1 - right.0) < 0.2 && abs(right.1 / left.1 - 3) < 0.02)
  }
}
