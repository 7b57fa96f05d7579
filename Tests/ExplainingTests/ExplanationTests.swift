import Foundation
import Storage
import Testing

@testable import Explaining
@testable import Metrics
@testable import Reporting
@testable import Statistics
@testable import Studies

@Suite("Explanation")
struct ExplanationTests {
  /// An image whose weights go to one of two confounders, and whose mask changes under the first.
  private func image(
    _ name: String, attention: Double?, zeroShot: Double, truth: [String: Double]?, dice: Double = 0.5
  ) -> ExplainedImage {
    ExplainedImage(
      name: name, file: "\(name).png", group: name, lesionClass: nil, width: 8, height: 8, lesionShare: 0.25,
      attention: attention.map { [$0, 1 - $0] }, attentionLow: attention.map { [$0, 1 - $0] },
      attentionHigh: attention.map { [$0, 1 - $0] }, zeroShot: [zeroShot, 1 - zeroShot], cosine: [0.1, 0.2],
      evidence: nil, truth: truth, off: attention == nil ? nil : .init(dice: 0.9, lesionShare: 0.2),
      diceWithReference: nil, regionAUC: nil,
      steps: [("fog", dice), ("glare", 1)].flatMap { confounder, dice in
        [0.5, 1].map { strength in
          ExplainedImage.Step(
            confounder: confounder, strength: strength, dice: 1 - strength * (1 - dice), iou: 1,
            lesionShare: 0.1,
            lesionShareBefore: 0.3, shift: 0.1, shiftIntervened: attention.map { _ in 0.05 }, distance: 3,
            distanceIntervened: attention.map { _ in 4 }, attention: attention)
        }
      })
  }

  private func explanation(
    _ images: [ExplainedImage], method: String = "mcdrl", intervenes: Bool = true,
    threshold: MaskThreshold = 0.5, passes: Int = 1
  ) throws -> Explanation {
    try Explanation(
      model: .init(
        run: "run", method: method, seed: 0, intervenes: intervenes, selectsRegions: intervenes,
        adjustment: intervenes ? "attention" : nil, dictionary: intervenes ? "words" : nil, imageSize: 8,
        precision: "float32", decoding: "whole", threshold: threshold, passes: passes),
      available: images.count,
      confounders: [
        .init(name: "fog", group: "air", mechanism: "haze"),
        .init(name: "glare", group: "light", mechanism: "reflection"),
      ], strengths: [0.5, 1], spread: .init(observed: 2, intervened: 8), images: images)
  }

  /// Twelve images, every second with fog: attention knows which, the zero-shot posterior has it upside down.
  private var known: [ExplainedImage] {
    (0..<12).map { index in
      let there = index % 2 == 0
      return image(
        "\(index)", attention: there ? 0.8 : 0.3, zeroShot: there ? 0.2 : 0.7,
        truth: there ? ["fog": 0.9, "rain": 1] : ["fog": 0.1])
    }
  }

  @Test("The page says where lesion begins, and that it shows one pass of several")
  func passes() throws {
    func page(_ explanation: Explanation) throws -> String {
      try HTMLPage.explanation(explanation, in: URL(fileURLWithPath: "/")).text
    }
    let plain = try page(explanation(known))
    #expect(plain.contains("lesion from a probability of 0.50 on, seen at 8"))
    #expect(!plain.contains("passes of the network"))
    let mean = try page(explanation(known, threshold: .dice, passes: 24))
    #expect(mean.contains("lesion from the level of probability with the highest expected Dice"))
    #expect(mean.contains("the mean of 24 passes of the network"))
  }

  @Test("An explanation of an earlier version, which has no passes, is read")
  func earlier() throws {
    var document = try JSONValue(encoding: explanation(known).model)
    #expect(try document.decoded(as: Explanation.Model.self).passes == 1)
    var members = try #require(document.members)
    members["passes"] = nil
    document = .object(members)
    #expect(try document.decoded(as: Explanation.Model.self).passes == nil)
  }

  @Test("Areas against the truth are exact, with intervals over the same draws")
  func faithful() throws {
    let truth = try #require(try explanation(known).faithfulness)
    #expect(truth.count == 12 && truth.groups == 12 && truth.present == [6, 0])
    #expect(truth.strangers == ["rain"])
    let attention = try #require(truth.score("attention"))
    #expect(attention.areas == [Interval(value: 1, low: 1, high: 1), nil])
    #expect(attention.mean == Interval(value: 1, low: 1, high: 1))
    #expect(truth.score("zero_shot")?.mean?.value == 0)
    #expect(attention.overZeroShot == Interval(value: 1, low: 1, high: 1))
    // One number for all: every area is a half.
    #expect(truth.score("cosine")?.mean == Interval(value: 0.5, low: 0.5, high: 0.5))
    #expect(truth.score("evidence") == nil)
  }

  @Test("A resampled area is that of the images drawn, each as often as it was drawn")
  func resampled() throws {
    // One of the five with fog lies below all others, so 20 of 25 orders are right; a resample holds it 0 to 5 times.
    let images = (0..<10).map { index in
      image(
        "\(index)", attention: index == 0 ? 0.1 : index < 5 ? 0.9 : 0.5, zeroShot: 0.5,
        truth: index < 5 ? ["fog": 1] : [:])
    }
    let area = try #require(
      try Faithfulness(images, confounders: ["fog", "glare"])?.score("attention")?.mean)
    #expect(
      abs(area.value - 0.8) < 1e-12 && area.ends.map { $0.lowerBound < 0.6 && $0.upperBound == 1 } == true)
    // Four with it are too few for a mean, not for an area.
    let few = try #require(
      try Faithfulness(Array(images.dropFirst()), confounders: ["fog", "glare"])?.score("attention"))
    #expect(few.mean == nil && few.areas[0]?.value == 1)
    // Nor for an interval: six must have the confounder, and six lack it.
    #expect(few.areas[0]?.ends == nil && few.areas[0]?.reason?.hasPrefix("4 independent") == true)
  }

  @Test("Without records, or with a confounder in every image, nothing is said of faithfulness")
  func unknown() throws {
    #expect(
      try explanation(known.map { image($0.name, attention: 0.5, zeroShot: 0.5, truth: nil) }).faithfulness
        == nil)
    let always = (0..<3).map { image("\($0)", attention: 0.5, zeroShot: 0.5, truth: ["fog": 1, "glare": 1]) }
    #expect(try explanation(always).faithfulness == nil)
  }

  @Test("The summary averages over images and measures shifts by how far images lie apart")
  func summary() throws {
    let summary = try explanation(known).summary
    #expect(summary.count == 12 && summary.steps.count == 4)
    #expect(abs((summary.attention?[0].value ?? 0) - 0.55) < 1e-12)
    #expect(abs((summary.attentionDeviation?[0] ?? 0) - 0.25) < 1e-12)
    let strongest = summary.strongest
    #expect(strongest.map(\.confounder) == ["fog", "glare"] && strongest.map(\.dice.value) == [0.5, 1])
    #expect(abs((strongest[0].relativeShift ?? 0) - 1.5) < 1e-12)
    #expect(abs((strongest[0].relativeShiftIntervened ?? 0) - 0.5) < 1e-12)
    #expect(abs(strongest[0].lesionShareChange + 0.2) < 1e-12)
  }

  @Test("The answer says what it attends to, which do(z) changes the mask most, and how sure one may be")
  func answer() throws {
    let answer = try explanation(known).answer
    #expect(answer.count == 3)
    #expect(answer[0].contains("On 12 images") && answer[0].contains("fog (0.55)"))
    #expect(
      answer[1].contains("do(fog)") && answer[1].contains("0.50 (no spread)")
        && answer[1].contains("do(glare)"))
    #expect(answer[2].contains("1.00 (no spread)") && answer[2].contains("more than the zero-shot"))

    let single = try explanation([image("a", attention: 0.9, zeroShot: 0.5, truth: nil)]).answer
    #expect(
      single[0].contains("On 1 image the") && single[2].contains("not recorded")
        && single[2].contains("1 image says"))
    let flat = try explanation(
      (0..<3).map { image("\($0)", attention: 0.5, zeroShot: 0.5, truth: nil, dice: 1) }
    ).answer
    #expect(flat[0].contains("almost evenly") && flat[0].contains("hardly differ"))
    #expect(flat[1].contains("does not change its mask"))
    let baseline = try explanation(
      [image("a", attention: nil, zeroShot: 0.5, truth: nil)], method: "baseline", intervenes: false)
    #expect(baseline.answer[0].contains("(baseline) has no intervention"))
    #expect(
      try HTMLPage.explanation(baseline, in: URL(fileURLWithPath: "/")).text.contains(
        "What its CLIP tower sees"))
  }

  @Test("The page leaves out an area over too few images, and says it if no confounder changes a mask")
  func pageOfFew() throws {
    func page(_ images: [ExplainedImage]) throws -> String {
      try HTMLPage.explanation(explanation(images), in: URL(fileURLWithPath: "/")).text
    }
    #expect(try page(known).contains("fog, in 6") && page(known).contains("The 2 that change the mask most"))
    let few = try page(Array(known.dropFirst()))
    #expect(!few.contains("fog, in 5") && few.contains("A confounder with fewer is left out"))
    let same = try page((0..<3).map { image("\($0)", attention: 0.5, zeroShot: 0.5, truth: nil, dice: 1) })
    #expect(same.contains("No confounder changes a mask") && !same.contains("that change the mask most"))
    let answer = try explanation(Array(known.dropFirst(4))).answer
    #expect(answer.last?.contains("at least 5 images must have a confounder and 5 must lack it") == true)
  }

  @Test("Names with the characters of HTML do no harm to the page")
  func escaped() throws {
    var odd = known
    odd[0].name = "<b>&\"</b>"
    odd[0].lesionClass = "<script>"
    let page = try HTMLPage.explanation(explanation(odd), in: URL(fileURLWithPath: "/")).text
    #expect(!page.contains("<script>") && !page.contains("<b>"))
  }
}
