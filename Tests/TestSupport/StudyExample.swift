import Foundation
import Metrics
import Studies
import Torch
import Training

/// Folds to make studies of.
package enum StudyExample {
  /// One image's scores: `hits` of a reference of `lesion` pixels are found, in a mask of 100 pixels; `extra`
  /// are wrong.
  package static func scores(lesion: Int, hits: Int, extra: Int = 0, tolerance: Double = 2) throws
    -> ImageScores
  {
    func mask(_ isSet: (Int) -> Bool) throws -> BinaryMask {
      try BinaryMask(width: 10, height: 10, values: (0..<100).map(isSet))
    }
    return try ImageScores(
      prediction: mask { $0 < hits || ($0 >= lesion && $0 < lesion + extra) },
      reference: mask { $0 < lesion },
      tolerance: tolerance)
  }

  /// One fold of images whose Dice are given: 0, 0.5 or 1.
  package static func fold(
    _ site: String, _ method: String, seed: UInt64 = 0, dice: [Double], groups: [String]? = nil,
    trivial: [String: OverlapSummary]? = nil
  ) throws -> FoldResult {
    FoldResult(
      site: site, method: method, seed: seed, epoch: 3, validationDice: 0.75, seconds: 12, trivial: trivial,
      images: try dice.enumerated().map { index, dice in
        // Of 3 pixels 1 is found: 2·1 / (3 + 1).
        let hits = [0: 0, 0.5: 1, 1: 3][dice] ?? 0
        return FoldResult.Image(
          image: "\(index)", group: groups?[index] ?? "\(index)", lesionClass: "polyp",
          scores: try scores(lesion: 3, hits: hits))
      })
  }

  package static func description(_ methods: [String]) -> StudyDescription {
    StudyDescription(
      study: "loso", text: "drawn", methods: methods.map { StudyResults.Method(name: $0) },
      environment: StudyResults.Environment(version: "0.0.0"))
  }

  package static func results(_ folds: [FoldResult], methods: [String]) throws -> StudyResults {
    try StudyResults(folds: folds, description: description(methods))
  }

  private static let candidates = [
    FoldResult.Candidate(settings: ["optimizer.learningRate=0.001"], validationDice: nil),
    FoldResult.Candidate(
      settings: ["optimizer.learningRate=0.002"], validationDice: 0.7, validationScore: 0.65),
  ]

  /// What a map of two pixels, of which one is lesion, comes to.
  private static func protocols(_ surer: Float) throws -> ImageAssessment {
    try ImageAssessment(
      probability: ProbabilityMap(width: 2, height: 1, values: [0.6 + surer, 0.3 - surer]),
      reference: BinaryMask(width: 2, height: 1, pixels: [1, 0]), tolerance: 2)
  }

  /// Predictors that ignore an image of 100 pixels, whose first pixels are lesion.
  package static func trivial(_ lesions: [Int]) throws -> [String: OverlapSummary] {
    func summary(_ hits: (Int) -> Int, extra: (Int) -> Int) throws -> OverlapSummary? {
      OverlapSummary(of: try lesions.map { try scores(lesion: $0, hits: hits($0), extra: extra($0)) })
    }
    var found: [String: OverlapSummary] = [:]
    found["all background"] = try summary({ _ in 0 }, extra: { _ in 0 })
    found["all lesion"] = try summary({ $0 }, extra: { 100 - $0 })
    found["mean training mask"] = try summary({ min($0, 10) }, extra: { max(0, 10 - $0) })
    return found
  }

  /// Two sites, three methods and two seeds, with empty references, empty predictions and two lesion classes.
  ///
  /// North has seven groups, south six: the least that an interval needs.
  package static func folds() throws -> [FoldResult] {
    var generator = SplitMix(seed: 11)
    return try ["north", "south"].flatMap { site in
      let images = (0..<(site == "north" ? 13 : 12)).map { image in
        (
          name: "\(site)-\(image)", group: "\(site)/\(image / 2)",
          lesion: image == 3 ? 0 : [1, 4, 9, 18, 30][image % 5]
        )
      }
      return try ["baseline", "no-cdrl", "mcdrl"].enumerated().flatMap { skill, method in
        try [UInt64(0), 1].map { seed in
          FoldResult(
            site: site, method: method, seed: seed, epoch: 5 + skill,
            validationDice: 0.6 + 0.05 * Double(skill), validationScore: 0.5 + 0.05 * Double(skill),
            chosen: ["optimizer.learningRate=0.002"], candidates: candidates, precision: .float32,
            decoding: .whole, seconds: 10,
            polyp: try protocols(0.1 * Float(skill)).polyp,
            reliability: try protocols(0.1 * Float(skill)).reliability,
            trivial: try trivial(images.map(\.lesion)),
            images: try images.map { image in
              let share = min(1, Double.random(in: 0...1, using: &generator) + 0.15 * Double(skill))
              return FoldResult.Image(
                image: image.name, group: image.group,
                lesionClass: image.lesion == 0 ? nil : image.lesion % 2 == 0 ? "polyp" : "cyst",
                scores: try scores(
                  lesion: image.lesion, hits: Int(share * Double(image.lesion)),
                  extra: Int.random(in: 0...4, using: &generator)))
            })
        }
      }
    }
  }

  /// The study of these folds, with every part that a study may have.
  package static func study() throws -> StudyResults {
    var description = description(["baseline", "no-cdrl", "mcdrl"])
    description.methods[2] = StudyResults.Method(
      name: "mcdrl",
      settings: ["model.options.region.fraction": .number(0.5), "model.options.causal": .number(0.5)])
    description.data = ["north": "00000000deadbeef", "south": "00000000feedface"]
    description.settings = [
      "epochs": .integer(8), "tune": .string("none"), "model.head.detailWidths": .array([]),
    ]
    let mask = try BinaryMask(width: 2, height: 1, pixels: [1, 0])
    let summary = try Counterfactual.Summary(of: [
      Counterfactual.Case(
        scene: "scene-0", confounder: "blur", zoom: 1, before: (prediction: mask, reference: mask),
        after: (prediction: mask, reference: mask))
    ])
    description.counterfactual = ["baseline": summary, "mcdrl": summary]
    return try StudyResults(folds: folds(), description: description)
  }
}
