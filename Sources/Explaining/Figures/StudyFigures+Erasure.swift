import Confounders
import Datasets
import Metrics
import Segmentation
import Torch
import Training

extension StudyFigures {
  /// Computes what the head uses of each confounder, at held-out sites.
  func erasureFigure(
    _ runs: [Run], _ inputs: DiagnosisInputs, fingerprint: String
  ) throws -> ErasureFigure {
    let fitted = try runs.map { try DiagnosisImages($0, catalog, limit: diagnosisLimit).samples }
    let scored = try runs.map(adjusted)
    images.expect((fitted + scored).reduce(0) { $0 + $1.count })
    let rows = try Self.inParallel(runs.count) { index in
      let run = runs[index]
      return try ErasureMeasure(run.run.compiledSystem(), run, inputs)
        .row(fittedTo: fitted[index], scored: scored[index])
    }
    return ErasureFigure(
      fingerprint: fingerprint, limit: diagnosisLimit, scored: adjustmentLimit,
      imageSize: runs.first?.run.configuration.imageSize ?? 0, rows: rows)
  }
}

/// The erasures of one model's confounders from the outputs of its tower.
private struct ErasureMeasure {
  private let system: CompiledSystem
  private let run: StudyFigures.Run
  private let inputs: DiagnosisInputs
  private let names: [String]
  /// The directions that measure: the entries, then a random one, (M + 1)×d.
  private let directions: Tensor

  init(_ system: CompiledSystem, _ run: StudyFigures.Run, _ inputs: DiagnosisInputs) throws {
    (self.system, self.run, self.inputs) = (system, run, inputs)
    names = run.run.prompts.confounders.map(\.name)
    let words = try system.text.confounders.to(.cpu)
    let random = try Tensor.randomNormal(
      [1, words.size(1)], generator: Generator(seed: run.result.seed, for: "erasure"))
    directions = try Tensor.concatenated([words, random], dim: 0).normalized()
  }

  /// The erasures of each output of the tower, and the mean share of variance that they take.
  private typealias Erased = (parts: [ConceptErasure], taken: Double)

  /// Measures the model.
  ///
  /// - Parameters:
  ///   - samples: the images that the erasures are fitted to.
  ///   - scored: the images of the held-out site.
  /// - Returns: the row of the figure.
  /// - Throws: an error that names the file, or `TorchError`.
  func row(fittedTo samples: [Sample], scored: [Sample]) throws -> ErasureFigure.Row {
    let moments = try moments(samples)
    let single = names.indices.map { [$0] } + [[names.count]]
    let whitenings = try moments.map { try Whitening($0) }
    let erased = try (single + [Array(names.indices)]).map { try erasure(of: $0, moments, whitenings) }
    var plain: [Double] = []
    var dice = erased.map { _ in [Double]() }
    try inputs.eachBatch(scored, system, run.run.configuration) { batch, encoded in
      let references = try MaskThreshold.fixed(0.5).mask(batch.masks)
      func scores(_ encoded: EncodedImages) throws -> [Double] {
        let found = try run.rule.mask(
          system.probabilities(batch.images, cached: .encoded(encoded)))
        return try (0..<found.size(0)).map { row in
          func mask(_ all: Tensor) throws -> BinaryMask {
            try BinaryMask(all.selected(dim: 0, index: row).selected(dim: 0, index: 0))
          }
          return try OverlapCounts(prediction: mask(found), reference: mask(references)).dice
        }
      }
      plain += try scores(encoded)
      for (index, erased) in erased.enumerated() {
        let parts = try zip(erased.parts, Self.parts(encoded)).map { try $0($1) }
        dice[index] += try scores(
          EncodedImages(dense: parts[0], image: encoded.image, layers: Array(parts.dropFirst())))
      }
    }
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }
    func entry(_ name: String, _ index: Int) -> ErasureFigure.Entry {
      ErasureFigure.Entry(name: name, dice: mean(dice[index]), taken: erased[index].taken)
    }
    return ErasureFigure.Row(
      method: run.result.method, seed: run.result.seed, site: run.result.site, count: scored.count,
      dice: mean(plain), entries: names.enumerated().map { entry($1, $0) },
      all: entry("all", names.count + 1), random: entry("random", names.count))
  }

  /// The outputs of the tower that the model reads.
  private static func parts(_ encoded: EncodedImages) throws -> [Tensor] {
    try ([encoded.dense] + encoded.layers).map { try $0.to(.float32) }
  }

  /// Collects the moments of each output at every position, with the measures of its image.
  private func moments(_ samples: [Sample]) throws -> [ConceptMoments] {
    var moments: [ConceptMoments] = []
    try inputs.eachBatch(samples, system, run.run.configuration) { _, encoded in
      let measures = try encoded.image.to(.float32).to(.cpu).normalized().matmul(directions.transposed())
      let (images, concepts) = (try measures.size(0), try measures.size(1))
      for (index, part) in try Self.parts(encoded).enumerated() {
        let rows = try part.to(.cpu).reshaped([-1, part.size(-1)])
        if moments.count == index {
          moments.append(try ConceptMoments(width: rows.size(1), concepts: concepts))
        }
        let positions = try rows.size(0) / max(1, images)
        try moments[index].add(
          rows,
          measures.expandedDimension(1).expanded(to: [images, positions, concepts]).reshaped([-1, concepts]))
      }
    }
    return moments
  }

  /// Fits the erasure of some directions to each output.
  private func erasure(
    of columns: [Int], _ moments: [ConceptMoments], _ whitenings: [Whitening]
  ) throws -> Erased {
    let index = try Tensor(columns)
    let parts = try zip(moments, whitenings).map { try ConceptErasure($0.concepts(index), whitening: $1) }
    // The erased features have the covariance (1 − W⁺PW)·Σ, so the trace of W⁺PW·Σ is what went.
    let taken = try zip(parts, moments).map { erasure, moments in
      let identity = try Tensor.arange(to: moments.features.size(0)).oneHot(moments.features.size(0))
      let whole = try (moments.features * identity.to(.float64)).sum().item()
      let gone = try (erasure.projection * moments.features.transposed()).sum().item()
      return gone / max(whole, .leastNonzeroMagnitude)
    }
    return (parts, taken.reduce(0, +) / Double(max(1, taken.count)))
  }
}
