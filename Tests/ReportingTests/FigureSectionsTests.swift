import Foundation
import Imaging
import Storage
import Testing
import Torch

@testable import Explaining
@testable import Metrics
@testable import Reporting
@testable import Statistics
@testable import Studies

@Suite("Sections of figures")
struct FigureSectionsTests {
  private func interval(_ value: Double) -> Interval {
    Interval(value: value, low: value - 0.1, high: value + 0.1)
  }

  private func curve(_ method: String, _ site: String, _ dice: [Double?]) -> TrainingCurve {
    TrainingCurve(
      method: method, site: site, seed: 2, chosen: 1,
      epochs: dice.enumerated().map {
        .init(number: $0 + 1, segmentation: 1 / Double($0 + 1), validationDice: $1)
      })
  }

  @Test("Training curves show each method's mean and range, and a row for each model")
  func training() {
    var page = HTMLPage(title: "t", lead: "l")
    page.trainingCurves([
      curve("mcdrl", "a", [0.2, 0.4]), curve("mcdrl", "b", [0.4, 0.8, 0.9]), curve("baseline", "a", [nil]),
    ])
    let text = page.text
    #expect(text.components(separatedBy: "<svg").count == 3)
    #expect(
      text.contains("<td>b</td><td>mcdrl</td><td>2</td><td>3</td><td>1</td><td>0.400</td><td>0.333</td>"))
    #expect(text.contains("<td>a</td><td>baseline</td><td>2</td><td>1</td><td>1</td><td>–</td>"))
  }

  private func features(after: Bool) -> FeatureFigure {
    let map = FeatureFigure.Map(
      x: [0, 1], y: [1, 0], divergence: 0.5, sitePurity: .init(neighbours: 1, value: 0.25, chance: 0.125),
      classPurity: nil)
    return FeatureFigure(
      fingerprint: "f", method: "mcdrl", seed: 0, heldOut: "b", total: 9, perplexity: 2,
      items: [
        .init(site: "a", image: "1", lesionClass: "polyp", heldOut: false),
        .init(site: "b", image: "1", lesionClass: nil, heldOut: true),
      ], before: map, after: after ? map : nil)
  }

  @Test("Feature maps come before and after, by site and by class; without an intervention only before")
  func maps() {
    var page = HTMLPage(title: "t", lead: "l")
    page.featureMaps(features(after: true))
    #expect(page.text.components(separatedBy: "<svg").count == 5)
    #expect(page.text.contains("2 of 9 images") && page.text.contains("b (held out)"))
    #expect(page.text.contains("<td>before (1)</td><td>0.250</td><td>0.125</td><td>–</td>"))
    page = HTMLPage(title: "t", lead: "l")
    page.featureMaps(features(after: false))
    #expect(page.text.components(separatedBy: "<svg").count == 3 && page.text.contains("no intervention"))
  }

  @Test("Attention, calibration, costs and a varied number have their plots and numbers")
  func others() {
    var page = HTMLPage(title: "t", lead: "l")
    page.attention(
      AttentionFigure(
        fingerprint: "f", method: "mcdrl", seed: 0, confounders: ["blur", "blood"],
        rows: [.init(site: "a", count: 3, mean: [0.75, 0.25], deviation: [0.1, 0.1])]))
    page.reliability(
      [.init(name: "mcdrl", bins: [.init(count: 1234567, confidence: 0.2, positives: nil)])], text: "ECE 0.1")
    page.curve(
      "Depth", "", variable: "layers", score: "Dice",
      points: [.init(x: 3, score: interval(0.5), cells: ["7 ms"]), .init(x: 1, score: nil, cells: ["5 ms"])],
      columns: ["latency"])
    page.costs(
      CostFigure(
        fingerprint: "f", imageSize: 96, passes: 5, threads: 1, vectorInstructions: "AVX2",
        rows: [
          .init(method: "mcdrl", parameters: 12_345_678, trained: 9, intervention: 4, latency: 2, shortest: 1)
        ]))
    let text = page.text
    #expect(text.components(separatedBy: "<svg").count == 4)
    #expect(text.contains("0.750 ± 0.100") && text.contains("<td>1,234,567</td><td>0.200</td><td>–</td>"))
    #expect(
      text.contains("<td>1</td><td>–</td><td>5 ms</td></tr>\n<tr><td>3</td><td>0.500 (0.400 to 0.600)</td>"))
    #expect(text.contains("<td>12,345,678</td><td>9</td><td>4</td><td>2.0</td><td>1.0</td>"))
    // The contents lead to every section.
    for link in text.matches(of: /href="#([^"]+)"/) { #expect(text.contains("<h2 id=\"\(link.1)\"")) }
    #expect(text.components(separatedBy: "href=\"#").count == 5)
  }

  @Test("Localisation has a row a site and their mean, and says when a method selects nothing")
  func localisation() throws {
    func found(_ lesion: Bool) throws -> RegionLocalisation {
      RegionLocalisation([
        try .init(
          score: [0.5, 0.25], lesion: BinaryMask(width: 2, height: 1, values: [lesion, false]),
          selected: [true, false])
      ])
    }
    func page(selects: Bool) throws -> String {
      var page = HTMLPage(title: "t", lead: "l")
      page.localisation(
        LocalisationFigure(
          fingerprint: "f", method: "mcdrl", seed: 4, score: "softmax", selects: selects,
          rows: [
            .init(site: "a", fraction: 0.5, found: try found(true)),
            .init(site: "b", fraction: 0.25, found: try found(false)),
          ]))
      return page.text
    }
    let text = try page(selects: true)
    #expect(
      text.contains("softmax") && text.contains("seed 4, 2 images") && !text.contains("selects no regions"))
    #expect(
      text.contains(
        "<td>a</td><td>1</td><td>1</td><td>1.000</td><td>1.000</td><td>0.500</td><td>1.000 of 1</td>"
          + "<td>1.000 of 1</td>"))
    #expect(
      text.contains("<td>b</td><td>1</td><td>0</td><td>–</td><td>–</td><td>0.250</td><td>– of 0</td>"))
    // The mean is over the sites that have a lesion.
    #expect(
      text.contains("<td>mean</td><td></td><td></td><td>1.000</td><td>1.000</td><td>0.375</td><td>1.000</td>")
    )
    #expect(try page(selects: false).contains("selects no regions"))
  }

  @Test("A gallery embeds its files with sizes and texts; a file that is missing is named")
  func gallery() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("gallery-\(UUID().uuidString)")
    try FileManager.default.createFolder(folder)
    defer { try? FileManager.default.removeItem(at: folder) }
    let picture = try Image(width: 4, height: 2, channels: 1, pixels: Array(repeating: 90, count: 8))
    try ImageFile.writeJPEG(picture, to: folder.appendingPathComponent("gallery-1-1.jpg"))
    func figure(_ file: String) -> GalleryFigure {
      GalleryFigure(
        fingerprint: "f", seed: 0, rule: "by score",
        rows: [
          .init(
            choice: .behind, methods: ["mcdrl", "baseline"], site: "a", image: "7", lesionClass: "polyp",
            dice: [0.25, 0.75], ties: 2, pictures: [.init(label: "image", file: file, width: 4, height: 2)])
        ])
    }
    var page = HTMLPage(title: "t", lead: "l")
    try page.gallery(figure("gallery-1-1.jpg"), in: folder)
    let text = page.text
    #expect(
      text.contains(
        "mcdrl most behind baseline: Dice mcdrl 0.250, baseline 0.750, one of 2 alike; a, 7, polyp"))
    #expect(text.contains("width=\"4\" height=\"2\" src=\"data:image/jpeg;base64,/9j/"))
    #expect(text.contains("alt=\"mcdrl most behind") && text.contains("loading=\"lazy\""))
    #expect(!text.contains("<script") && !text.contains("http"))
    #expect(throws: FileError.self) { try page.gallery(figure("gone.jpg"), in: folder) }
  }

  @Test("Stored figures are read where they are, and a damaged file is named")
  func stored() throws {
    let study = FileManager.default.temporaryDirectory.appendingPathComponent("study-\(UUID().uuidString)")
    let folder = study.appendingPathComponent("figures")
    try FileManager.default.createFolder(folder)
    defer { try? FileManager.default.removeItem(at: study) }
    let none = try StoredFigures(study: study)
    #expect(
      none.features == nil && none.attention == nil && none.localisation == nil && none.gallery == nil
        && none.cost == nil)
    let file = folder.appendingPathComponent(FigureFile.features.rawValue)
    try AtomicFile.write(json: features(after: true), to: file)
    #expect(try StoredFigures(study: study).features == features(after: true))
    try Data("{}".utf8).write(to: file)
    #expect {
      try StoredFigures(study: study)
    } throws: {
      "\($0)".contains("features.json") && "\($0)".contains("missing")
    }
  }
}
