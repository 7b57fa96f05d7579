import Explaining
import Foundation
import Metrics
import Statistics
import Storage
import Studies

/// The page of an explanation, `report.html`.
extension HTMLPage {
  /// Makes the page of an explanation.
  ///
  /// - Parameters:
  ///   - explanation: the results.
  ///   - folder: the folder of its pictures.
  /// - Returns: a page without external resources.
  /// - Throws: `ImagingError` that names a picture that cannot be read.
  package static func explanation(_ explanation: Explanation, in folder: URL) throws -> HTMLPage {
    let place = explanation.site ?? Explanation.count(explanation.images.count, "image")
    var page = HTMLPage(
      title: "What \(explanation.model.method) looks at: \(place)",
      lead: explanation.answer.joined(separator: " "))
    page.source(explanation)
    page.weights(explanation)
    page.sweep(explanation)
    page.off(explanation)
    page.faithfulness(explanation)
    try page.pictures(explanation, folder)
    return page
  }

  private mutating func source(_ explanation: Explanation) {
    let (model, count) = (explanation.model, explanation.images.count)
    let images =
      explanation.available > count
      ? "\(count) of \(explanation.available) images, evenly from all" : Explanation.count(count, "image")
    let site =
      switch (explanation.site, explanation.trainedOn) {
      case (let site?, true): " of \(site), which the model was trained on"
      case (let site?, _): " of \(site), which took no part in training"
      case (nil, _): ""
      }
    paragraph(
      "\(images)\(site). Run \(model.run), method \(model.method), seed \(model.seed); lesion from "
        + "\(Self.start(model.threshold)), seen at \(model.imageSize) × \(model.imageSize) pixels."
    )
    if let passes = model.passes, passes > 1 {
      paragraph(
        "The masks of this run are the mean of \(passes) passes of the network. Pictures and numbers here show one of "
          + "them, that of the image as it is.")
    }
    if let warning = explanation.dictionaryWarning { paragraph(warning) }
  }

  /// Returns where lesion begins, after "lesion from".
  private static func start(_ threshold: MaskThreshold) -> String {
    switch threshold {
    case .fixed(let probability): "a probability of \(Explanation.number(probability, 2)) on"
    case .dice: threshold.rule
    }
  }

  /// Adds attention and zero-shot posterior of every confounder.
  private mutating func weights(_ explanation: Explanation) {
    let attention = explanation.summary.attention
    let zeroShot = explanation.summary.zeroShot
    section(
      attention == nil ? "What its CLIP tower sees" : "What it attends to",
      (attention == nil
        ? "This model has no attention over confounders. "
        : "How much each confounder weighs in the intervention, mean over "
          + "heads, layers, positions and images. ")
        + "Zero-shot is what the image tower alone says, by the same words: softmax of cos(image, z) / 0.01, mean over "
        + "images. The dashed line is where all confounders are alike.")
    let names = explanation.confounders.map(\.name)
    let series = (attention == nil ? [] : ["attention"]) + ["zero-shot"]
    let groups = names.indices.map { z in
      BarPlot.Group(
        label: names[z], values: (attention.map { [$0[z].value] } ?? []) + [zeroShot[z].value])
    }
    halves(groups) { part in
      BarPlot(
        series: series, groups: part, valueName: "mean weight",
        reference: (explanation.even, "all alike: 1/\(names.count)"),
        including: groups.flatMap(\.values).compactMap { $0 }
      ).svg
    }
    details("numbers") { page in
      let truth = explanation.faithfulness
      page.table(
        ["confounder", "group", "attention", "its SD over images", "zero-shot"]
          + (truth == nil ? [] : ["truly in"]),
        names.indices.map { z in
          [
            names[z], explanation.confounders[z].group, attention.map { explanation.text($0[z]) } ?? "–",
            explanation.summary.attentionDeviation.map { Explanation.number($0[z], 3) } ?? "–",
            explanation.text(zeroShot[z]),
          ] + (truth.map { ["\($0.present[z]) of \($0.count)"] } ?? [])
        })
    }
  }

  /// Adds the changes of the sweep.
  private mutating func sweep(_ explanation: Explanation) {
    let summary = explanation.summary
    guard !summary.steps.isEmpty else { return }
    func own(_ name: String) -> [ExplanationSummary.Step] { summary.steps.filter { $0.confounder == name } }
    section(
      "What changes when a confounder is set",
      "Each confounder that has a mechanism is done to every image, do(z), at rising strength, the lesion staying what it "
        + "is. Longer bars: the mask differs more from the untouched image's. A model that removes confounding keeps "
        + "its mask.")
    let order = summary.strongest
    let moving = explanation.confounders.filter { $0.movesPixels && !own($0.name).isEmpty }
    if !moving.isEmpty {
      let names = Explanation.list(moving.map { "do(\($0.name))" })
      paragraph(
        "\(names) \(moving.count == 1 ? "moves" : "move") the picture, and the untouched mask with it. What comes into view "
          + "is the rest mirrored, a lesion too, so these count less exactly and are not named above.")
    }
    let groups = order.map { step in
      BarPlot.Group(label: "do(\(step.confounder))", values: own(step.confounder).map { 1 - $0.dice.value })
    }
    halves(groups) { part in
      BarPlot(
        series: explanation.strengths.map { "strength \(Explanation.number($0, 2))" }, groups: part,
        valueName: "change of the mask, 1 − Dice", including: groups.flatMap(\.values).compactMap { $0 }
      ).svg
    }
    if explanation.strengths.count > 1 {
      lines(explanation.compared.prefix(4).map(\.confounder), own, explanation)
    }
    details("numbers") { page in
      page.paragraph(
        "Shift is 1 − cosine, relative shift the distance from the untouched image as a multiple of how far images lie "
          + "apart; both of the mean over positions. An intervention that does its work has the smaller numbers after it "
          + "(F_ca) than before it (F).")
      page.table(
        [
          "do(z)", "strength", "Dice with untouched", "IoU", "change of lesion share", "shift of F",
          "of F_ca",
          "relative shift of F", "of F_ca", "attention to z",
        ],
        order.flatMap { own($0.confounder) }.map { step in
          [
            step.confounder, Explanation.number(step.strength, 2), explanation.text(step.dice),
            Explanation.number(step.iou, 2), Explanation.number(step.lesionShareChange, 3),
            Explanation.number(step.shift, 3), Self.optional(step.shiftIntervened),
            Self.optional(step.relativeShift), Self.optional(step.relativeShiftIntervened),
            Self.optional(step.attention),
          ]
        })
    }
  }

  /// Adds lines over strength, for the confounders that change the mask most.
  private mutating func lines(
    _ names: [String], _ own: (String) -> [ExplanationSummary.Step], _ explanation: Explanation
  ) {
    func plot(_ yName: String, _ value: (ExplanationSummary.Step) -> Double?) -> (
      svg: String, caption: String
    )? {
      let series = names.map { name in
        LinePlot.Series(
          name: name,
          points: own(name).compactMap { step in value(step).map { .init(x: step.strength, y: $0) } })
      }
      guard series.contains(where: { $0.points.count > 1 }) else { return nil }
      return (LinePlot(series, xName: "strength of do(z)", yName: yName).svg, "")
    }
    let z = Dictionary(
      uniqueKeysWithValues: explanation.confounders.enumerated().map { ($1.name, $0) })
    let changes = explanation.summary.steps.contains { $0.dice.value < 1 }
    subsection(changes ? "The \(names.count) that change the mask most" : "No confounder changes a mask")
    drawings(
      [
        plot("Dice with untouched mask") { $0.dice.value },
        plot("change of lesion share") { $0.lesionShareChange },
        plot("shift of F, 1 − cos") { $0.shift },
        plot("shift of F_ca, 1 − cos", \.shiftIntervened),
        plot("gain of attention to z") { step in
          guard let attention = step.attention, let index = z[step.confounder] else { return nil }
          return explanation.summary.attention.map { attention - $0[index].value }
        },
      ].compactMap { $0 })
  }

  /// Adds the comparison of intervention on and off.
  private mutating func off(_ explanation: Explanation) {
    let summary = explanation.summary
    let scores = [
      summary.diceWithReference.map { "Dice with the reference: \(explanation.text($0))." },
      summary.regionAUC.map {
        "AUC of the region score S^ against the reference: \(explanation.text($0)) (0.5 is chance)"
          + (explanation.model.selectsRegions ? "." : "; this model does not use it.")
      },
    ].compactMap { $0 }
    guard summary.off != nil || !scores.isEmpty else { return }
    section(summary.off == nil ? "Masks and region score" : "Before and after the intervention")
    if let off = summary.off {
      paragraph(
        "The same model with its intervention off, so that its head sees F in the place of F_ca, draws masks whose Dice with "
          + "its own is \(explanation.text(off)). Near 1, the intervention does little to the mask. The head was trained "
          + "with it on, so a difference is not all its merit.")
    }
    if !scores.isEmpty { paragraph(scores.joined(separator: " ")) }
  }

  /// Adds the comparison of weights with the truth.
  private mutating func faithfulness(_ explanation: Explanation) {
    section(
      explanation.summary.attention == nil ? "Are the zero-shot weights right?" : "Is the attention right?")
    guard let truth = explanation.faithfulness else {
      paragraph(
        "The true confounders of these images are not recorded, so nothing can be said of that here. Rendered sites record "
          + "them: explain the images of such a site.")
      return
    }
    paragraph(
      "AUC of each weight over images against whether the confounder truly is in them (strength from "
        + "\(Explanation.number(Faithfulness.presentFrom, 1)) on), \(Explanation.count(truth.count, "image")): 0.5 is chance, "
        + "1 is always right. Cosine is the zero-shot score before its softmax. The mean is over confounders that at least "
        + "\(Faithfulness.least) images have and as many lack. Intervals are 95 %, images resampled (2,000 times), and need \(IndependentUnits.least) patients, sequences or images with the confounder and as many without. "
        + "A confounder with fewer is left out here."
    )
    let names = explanation.confounders.map(\.name)
    func less(_ interval: Interval?) -> Interval? {
      interval.map { own in
        own.ends.map {
          Interval(value: own.value - 0.5, low: $0.lowerBound - 0.5, high: $0.upperBound - 0.5)
        } ?? Interval(value: own.value - 0.5, withoutInterval: own.reason ?? "no interval")
      }
    }
    // An area over a handful of images says nothing.
    func area(_ score: Faithfulness.Score, _ z: Int) -> Interval? {
      score.areas[z].flatMap { $0.reason == nil ? $0 : nil }
    }
    let shown = names.indices.filter { z in truth.scores.contains { area($0, z) != nil } }
    let rows =
      [IntervalPlot.Row(label: "mean", marks: truth.scores.map { less($0.mean) })]
      + shown.map { z in
        IntervalPlot.Row(
          label: "\(names[z]), in \(truth.present[z])", marks: truth.scores.map { less(area($0, z)) })
      }
    let half = rows.count > 6 ? (rows.count + 1) / 2 : rows.count
    drawings(
      [Array(rows.prefix(half)), Array(rows.dropFirst(half))].filter { !$0.isEmpty }.map { part in
        (
          IntervalPlot(series: truth.scores.map { Self.title($0.name) }, rows: part, showsZero: true).svg,
          "AUC less 0.5: 0 is chance, 0.5 always right."
        )
      })
    details("numbers") { page in
      page.table(
        ["confounder", "images with it"] + truth.scores.map { "AUC, \(Self.title($0.name))" },
        [["mean", ""] + truth.scores.map { $0.mean.map(explanation.text) ?? "–" }]
          + shown.map { z in
            [names[z], "\(truth.present[z])"]
              + truth.scores.map { area($0, z).map(explanation.text) ?? "–" }
          }, emphasised: [0])
    }
    for score in truth.scores {
      guard let difference = score.overZeroShot, score.name == "attention" else { continue }
      let signed = difference.value > 0 ? "+" : ""
      paragraph("Attention less zero-shot, mean AUC: \(signed)\(explanation.text(difference)).")
    }
    if !truth.strangers.isEmpty {
      paragraph("Recorded, but not in the dictionary: \(truth.strangers.joined(separator: ", ")).")
    }
  }

  /// Adds a long list of bars in two halves, side by side if there is space.
  private mutating func halves(_ groups: [BarPlot.Group], _ svg: ([BarPlot.Group]) -> String) {
    let half = groups.count > 6 ? (groups.count + 1) / 2 : groups.count
    drawings(
      [Array(groups.prefix(half)), Array(groups.dropFirst(half))].filter { !$0.isEmpty }.map { (svg($0), "") }
    )
  }

  static func optional(_ value: Double?) -> String {
    value.map { Explanation.number($0, 3) } ?? "–"
  }

  private static func title(_ name: String) -> String {
    name == "zero_shot" ? "zero-shot" : name
  }
}
