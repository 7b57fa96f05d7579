import Datasets
import Metrics
import Segmentation
import Torch
import Training

extension StudyFigures {
  /// Computes the error of each sum over confounders at held-out sites.
  ///
  /// The reference is the mean of the predictions.
  func adjustmentFigure(
    _ runs: [Run], _ inputs: DiagnosisInputs, fingerprint: String
  ) throws -> AdjustmentFigure {
    let samples = try runs.map(adjusted)
    images.expect(samples.reduce(0) { $0 + $1.count })
    let rows = try Self.inParallel(runs.count) { index in
      try Self.adjustment(runs[index], samples[index], inputs)
    }
    return AdjustmentFigure(
      fingerprint: fingerprint, limit: adjustmentLimit,
      imageSize: runs.first?.run.configuration.imageSize ?? 0, rows: rows)
  }

  /// Computes the row of one model.
  private static func adjustment(
    _ run: Run, _ samples: [Sample], _ inputs: DiagnosisInputs
  ) throws -> AdjustmentFigure.Row {
    let (system, settings) = (try run.run.compiledSystem(), run.run.configuration)
    let entries = try system.dictionary.entries
    let trained = settings.model.method.traits.adjustment
    let forms = Adjustment.allCases
    var dice: [Double] = []
    var scores = forms.map { _ in (difference: [Double](), agreement: [Double](), dice: [Double]()) }
    try inputs.eachBatch(samples, system, settings) { batch, encoded in
      func probabilities(_ change: (inout ForwardPass) -> Void) throws -> Tensor {
        var pass = ForwardPass()
        change(&pass)
        return try system.probabilities(batch.images, cached: .encoded(encoded), pass)
      }
      let wanted = try entries.expectation { single in try probabilities { $0.entries = single } }
      let references = try masks(batch.masks, MaskRule())
      let whole = try masks(wanted, run.rule)
      dice += try zip(whole, references).map(Self.dice)
      for (index, form) in forms.enumerated() {
        let found = try probabilities { $0.adjustment = form }
        scores[index].difference += try (found - wanted).magnitude().mean([1, 2, 3]).doubles()
        let drawn = try masks(found, run.rule)
        scores[index].agreement += try zip(drawn, whole).map(Self.dice)
        scores[index].dice += try zip(drawn, references).map(Self.dice)
      }
    }
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    return AdjustmentFigure.Row(
      method: run.result.method, seed: run.result.seed, site: run.result.site, count: samples.count,
      prior: try entries.prior.doubles(), dice: mean(dice),
      forms: zip(forms, scores).map { form, scores in
        AdjustmentFigure.Form(
          name: form.rawValue, trained: form == trained, difference: mean(scores.difference),
          deviation: ScoreStatistics(of: scores.difference).standardDeviation,
          agreement: mean(scores.agreement), dice: mean(scores.dice))
      })
  }

  /// Converts B×1×S×S to one mask per image.
  private static func masks(_ values: Tensor, _ rule: MaskRule) throws -> [BinaryMask] {
    let drawn = try rule.mask(values)
    return try (0..<drawn.size(0)).map {
      try BinaryMask(drawn.selected(dim: 0, index: $0).selected(dim: 0, index: 0))
    }
  }

  private static func dice(_ one: BinaryMask, _ other: BinaryMask) throws -> Double {
    try OverlapCounts(prediction: one, reference: other).dice
  }
}
