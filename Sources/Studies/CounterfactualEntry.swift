import Datasets
import Metrics
import Torch
import Training

extension Counterfactual {
  /// The interventions on the images of a site: the confounders, the strength and the seed.
  package struct Setting: Codable, Equatable, Sendable {
    /// One confounder with its mechanism.
    package struct Applied: Codable, Equatable, Sendable {
      /// The confounder.
      package let confounder: String
      /// The name of its mechanism.
      package let mechanism: String

      /// Makes a value from its parts.
      package init(confounder: String, mechanism: String) {
        (self.confounder, self.mechanism) = (confounder, mechanism)
      }
    }

    /// The prompt file of the mechanisms.
    package let prompts: String
    /// The strength, from 0 to 1.
    package let strength: Double
    /// The seed of the draws and of the resampling.
    package let seed: UInt64
    /// The confounders that were set, each alone, in order.
    package let applied: [Applied]

    enum CodingKeys: String, CodingKey {
      case prompts, strength, seed
      case applied = "confounders"
    }

    /// Makes a value from its parts.
    package init(prompts: String, strength: Double, seed: UInt64, applied: [Applied]) {
      (self.prompts, self.strength, self.seed, self.applied) = (prompts, strength, seed, applied)
    }
  }

  /// The results of one run, as its folder keeps them.
  package struct Entry: Encodable, Sendable {
    /// The run folder.
    package let run: String
    /// The method's name.
    package let method: String
    /// The site that the run held out; empty without one.
    package let heldOut: String
    /// The confounders whose mechanisms the run withheld in training.
    package let withheld: [String]
    /// The site of the images; nil for rendered scenes.
    package let site: String?
    /// What was done to the images; nil for rendered scenes.
    package let interventions: Setting?
    /// The rule of lesion pixels.
    package let threshold: MaskThreshold
    /// The views and scales whose mean is a prediction, and the rule of lesion pixels.
    package let inference: InferenceConfiguration
    /// The arithmetic of the predictions.
    package let precision: Precision
    /// The decoding of image files.
    package let decoding: Predictor.Decoding
    /// The effects of the confounders.
    package let summary: Summary
    /// Sentences about the predictions without do(z), such as of a model that marks nothing; nil for
    /// rendered scenes.
    package let findings: [String]?

    enum CodingKeys: String, CodingKey {
      case run, method, withheld, site, interventions, threshold, inference, precision, decoding, summary
      case findings
      case heldOut = "held_out"
    }

    /// Describes the results of a run.
    ///
    /// - Parameters:
    ///   - run: the run.
    ///   - predictor: the predictor that computed the masks.
    ///   - scores: the scores of all scenes or images.
    ///   - site: the site of the images; nil for rendered scenes.
    ///   - setting: what was done to the images; nil for rendered scenes.
    ///   - findings: what the mean scores hide; nil for rendered scenes.
    /// - Throws: `MetricError.noCases` if there is no score.
    package init(
      _ run: Run, with predictor: Predictor, scores: [Score], site: String? = nil, setting: Setting? = nil,
      findings: [String]? = nil
    ) throws {
      self.run = run.folder.url.path
      method = predictor.methodLabel
      heldOut = run.configuration.holdOut ?? ""
      withheld = run.configuration.interventions.without
      self.site = site
      interventions = setting
      (threshold, inference) = (predictor.threshold, predictor.inference)
      (precision, decoding) = (predictor.precision, predictor.decoding)
      summary = try Summary(ofScores: scores)
      self.findings = findings
    }
  }

  /// States what the mean scores of a run without do(z) hide, in the sentences of an evaluation.
  ///
  /// - Parameters:
  ///   - method: the name of the model.
  ///   - site: the site.
  ///   - scores: the scores of each image, by confounder.
  ///   - trivial: the scores of predictors that ignore the image, by name.
  /// - Returns: at most three sentences.
  package static func findings(
    _ method: String, at site: String, _ scores: [[Score]], trivial: [String: OverlapSummary]
  ) -> [String] {
    guard let own = OverlapSummary(of: scores.compactMap { $0.first?.before }) else { return [] }
    return TrivialPredictor.findings(
      method, at: site, own, trivial.mapValues { (dice: $0.dice, diceWithLesion: $0.diceWithLesion) })
  }

  /// The scores of one run on the images of a site.
  package struct SiteScores: Sendable {
    /// The results, as the run folder keeps them.
    package let entry: Entry
    /// The images.
    package let samples: [Sample]
    /// The scores of each image, by confounder.
    package let scores: [[Score]]

    /// Makes a value from its parts.
    package init(_ entry: Entry, samples: [Sample], scores: [[Score]]) {
      (self.entry, self.samples, self.scores) = (entry, samples, scores)
    }
  }
}
