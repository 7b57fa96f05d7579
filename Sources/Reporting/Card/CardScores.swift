import Metrics
import Statistics
import Storage
import Studies

/// The sections of a model card with scores.
extension ModelCard {
  /// What to expect at a new hospital, in sentences and one drawing.
  var expectation: CardDocument.Section {
    let unseen = evaluations.filter(\.isUnseen)
    var blocks = unseen.map { CardDocument.Block.paragraph($0.sentence) }
    if let sentence = study?.sentence { blocks.append(.paragraph(sentence)) }
    if unseen.isEmpty, study == nil {
      blocks += [
        .paragraph(
          "That is unknown: the run has no score of a site that it never saw. This scores it at a hospital with masks:"
        ),
        .code(["mcdrl evaluate RUN --data DATA"]),
      ]
    }
    let marks =
      unseen.map { (label: $0.site, interval: $0.dice) }
      + (study?.rows ?? []).map {
        (label: $0.site.map { "study, \($0)" } ?? "study, mean", interval: $0.dice)
      }
    // A damaged file may hold any number, and an axis needs some that are near each other.
    let drawn = marks.filter { mark in
      guard let interval = mark.interval else { return false }
      return [interval.value, interval.low, interval.high].compactMap { $0 }.allSatisfy((0...1).contains)
    }
    if drawn.count > 1 {
      blocks.append(
        .intervals(
          drawn, series: model.method,
          caption: "Mean Dice with 95 % intervals at sites that the scored model never saw."))
    }
    return .init(heading: "What to expect at a new hospital", blocks: blocks)
  }

  /// The scores at every site that was evaluated.
  var scores: CardDocument.Section {
    guard !evaluations.isEmpty else {
      return .init(
        heading: "Scores",
        blocks: [
          .paragraph("The run was not evaluated at any site. This scores it:"),
          .code(["mcdrl evaluate RUN"]),
        ])
    }
    let unit = evaluations.map(\.unit).first ?? "px"
    let isMixed = evaluations.contains { $0.unit != unit }
    let counts = evaluations.map { evaluation in
      [
        evaluation.site, evaluation.role, "\(evaluation.count)", "\(evaluation.countWithLesion)",
        Self.groups(evaluation.groups, of: evaluation.count),
      ]
    }
    let means = evaluations.map { evaluation in
      [
        evaluation.site, Interval.text(evaluation.dice), Interval.text(evaluation.diceWithLesion),
        Interval.text(evaluation.iou),
        Interval.text(evaluation.hd95, decimals: 1) + (isMixed ? " \(evaluation.unit)" : ""),
      ]
    }
    let lesions = evaluations.map { evaluation in
      let found = evaluation.detection
      return [
        evaluation.site, "\(found.found)", "\(found.missed)", "\(found.falseMarks)",
        HTMLPage.number(found.sensitivity), HTMLPage.number(found.falsePerImage),
        HTMLPage.number(evaluation.calibrationError), HTMLPage.number(evaluation.brier),
      ]
    }
    var blocks: [CardDocument.Block] = [
      .table(
        headings: ["site", "part in training", "images", "with a lesion", "patients or sequences"],
        rows: counts),
      .table(
        headings: ["site", "Dice", "Dice (lesion)", "IoU", isMixed ? "HD95" : "HD95 (\(unit))"],
        rows: means),
      .paragraph(
        "Means over images at their own size with 95 % intervals: percentile bootstrap over patients or sequences, "
          + "over images where the data state none (a dash); 2000 resamples. HD95 over images with a lesion and a mark. "
          + EmptyMaskPolicy.statement),
    ]
    if evaluations.contains(where: { $0.classCount > 1 }) {
      blocks.append(
        .paragraph("The run has a mask for each of several classes, and an image counts once for each class.")
      )
    }
    let reasons = evaluations.compactMap { item in
      item.dice?.reason.map { "No interval at \(item.site): \($0)." }
    }
    if !reasons.isEmpty { blocks.append(.list(reasons)) }
    blocks += [
      .table(
        headings: [
          "site", "lesions found", "missed", "false marks", "sensitivity", "false marks an image", "ECE",
          "Brier",
        ], rows: lesions),
      .paragraph(
        "A mark finds a lesion with an IoU of at least "
          + "\(evaluations.lazy.compactMap(\.detection.criterion).first ?? LesionDetection.defaultCriterion). ECE "
          + "(expected calibration error) and Brier are over all pixels; 0 is best."),
      .table(
        headings: ["Dice of predictors that ignore the image"] + evaluations.map(\.site), rows: trivialRows),
    ]
    if evaluations.contains(where: { !$0.strata.isEmpty }) {
      blocks.append(
        .details(
          "by lesion class, lesion size and empty reference",
          [
            .paragraph(
              "Over images without a lesion (reference: empty) the mean Dice is the share that got no mark."),
            .table(
              headings: ["site", "images with", "n", "groups", "Dice"],
              rows: evaluations.flatMap { evaluation in
                evaluation.strata.map {
                  [evaluation.site, $0.name, "\($0.count)", "\($0.groups)", Interval.text($0.dice)]
                }
              }),
          ]))
    }
    blocks.append(
      .details(
        "how the masks were computed",
        [.facts(evaluations.map { (name: $0.site, text: $0.prediction) })]))
    return .init(heading: "Scores", blocks: blocks)
  }

  /// The number of patients or sequences; a dash if every image is a case of its own.
  private static func groups(_ count: Int?, of images: Int) -> String {
    count.flatMap { $0 == images ? nil : String($0) } ?? "–"
  }

  /// Dice of each predictor that ignores the image, by site.
  private var trivialRows: [[String]] {
    var names: [String] = []
    for item in evaluations.flatMap(\.trivial) where !names.contains(item.name) { names.append(item.name) }
    return names.map { name in
      [name]
        + evaluations.map { evaluation in
          HTMLPage.number(evaluation.trivial.first { $0.name == name }?.dice)
        }
    }
  }

  /// The scores of the study at every held-out site.
  var evidence: CardDocument.Section? {
    guard let study else { return nil }
    let rows = study.rows.map { row in
      [
        row.site ?? "mean over sites", "\(row.count)", Self.groups(row.groups, of: row.count),
        Interval.text(row.dice), Interval.text(row.diceWithLesion), Interval.text(row.iou),
        Interval.text(row.hd95, decimals: 1), HTMLPage.number(row.trivial),
      ]
    }
    return .init(
      heading: "The study: each site held out in turn",
      blocks: [
        .paragraph(
          "These are scores of other models than this one: of \(study.method), trained with the settings of this run on "
            + "all sites but the one that was scored. Seeds: \(study.seeds.map(String.init).joined(separator: ", "))."
        ),
        .table(
          headings: [
            "held-out site", "n", "groups", "Dice", "Dice (lesion)", "IoU", "HD95 (\(study.unit))",
            "trivial",
          ], rows: rows, emphasised: [rows.count - 1]),
        .facts(
          [
            (
              "trivial",
              "the best Dice of a predictor that ignores the image; over the sites, of one predictor for all"
            ),
            ("chosen", study.selection), ("intervals", study.intervals),
            ("search for the same patient or image at two sites", study.leakage),
          ]
            + (study.differences.isEmpty
              ? [] : [("settings that differ", study.differences.joined(separator: "; "))])
        ),
      ])
  }
}

extension ModelCard.Evaluation {
  /// The mean Dice at a site that the model never saw.
  fileprivate var sentence: String {
    let best = trivial.compactMap(\.dice).max()
    return "At \(site) (\(role)) the model has a mean Dice of \(Interval.text(dice)) over "
      + "\(counted(count, "image")), and of \(Interval.text(diceWithLesion)) over the \(countWithLesion) with a "
      + "lesion."
      + (best.map { " The best predictor that ignores the image has \(HTMLPage.number($0))." } ?? "")
  }
}

extension StudyEvidence {
  /// The mean Dice over the sites, the lowest and the highest.
  fileprivate var sentence: String? {
    guard let overall, overall.dice != nil else { return nil }
    let places = rows.filter { $0.site != nil }.count
    let range =
      extremes.map { low, high in
        " The lowest is \(Interval.text(low.dice)) at \(low.site ?? ""), the highest \(Interval.text(high.dice)) at "
          + "\(high.site ?? "")."
      } ?? ""
    return "Models of the same settings, trained without the scored site, have a mean Dice of "
      + "\(Interval.text(overall.dice)) over \(counted(places, "site")) that were held out in turn.\(range) A new "
      + "hospital may lie outside of this range: \(counted(places, "site")) are few."
  }
}
