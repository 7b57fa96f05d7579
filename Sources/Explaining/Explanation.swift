import Storage

/// What a model attends to and what changes its masks: `explanation.json`
/// (docs/reference/explanation-format.md).
package struct Explanation: Codable, Equatable, Sendable {
  /// The model that is explained.
  package struct Model: Codable, Equatable, Sendable {
    /// Its run.
    package var run: String
    /// Its method.
    package var method: String
    /// The run's seed.
    package var seed: UInt64
    /// Whether it intervenes.
    package var intervenes: Bool
    /// Whether it selects regions.
    package var selectsRegions: Bool
    /// How confounders are weighed: `attention`, `prior` or `exact`; nil without an intervention.
    @Nullable package var adjustment: String?
    /// What stands in the place of the confounders: `words`, `random`, `shuffled` or `constant`; nil without an intervention.
    @Nullable package var dictionary: String?
    /// S.
    package var imageSize: Int
    /// From which probability on a pixel is lesion.
    package var threshold: Double

    enum CodingKeys: String, CodingKey {
      case run, method, seed, intervenes, adjustment, dictionary, threshold
      case selectsRegions = "selects_regions"
      case imageSize = "size"
    }

    /// Joins the parts.
    package init(
      run: String, method: String, seed: UInt64, intervenes: Bool, selectsRegions: Bool, adjustment: String?,
      dictionary: String?, imageSize: Int, threshold: Double
    ) {
      self.run = run
      self.method = method
      self.seed = seed
      self.intervenes = intervenes
      self.selectsRegions = selectsRegions
      self.imageSize = imageSize
      self.threshold = threshold
      self.adjustment = adjustment
      self.dictionary = dictionary
    }
  }

  /// An entry of the dictionary.
  package struct Confounder: Codable, Equatable, Sendable {
    /// What tables call it.
    package var name: String
    /// The group that it stands in.
    package var group: String
    /// How it changes a picture; nil when the words are all there is.
    @Nullable package var mechanism: String?
    /// Whether it moves the picture, so that its masks are compared less exactly.
    package var movesPixels: Bool

    enum CodingKeys: String, CodingKey {
      case name, group, mechanism
      case movesPixels = "moves_pixels"
    }

    /// Joins the parts.
    package init(name: String, group: String, mechanism: String?, movesPixels: Bool = false) {
      self.name = name
      self.group = group
      self.movesPixels = movesPixels
      self.mechanism = mechanism
    }
  }

  /// How far images lie apart: the root mean square distance of F, mean over positions, from its mean over images.
  package struct Spread: Codable, Equatable, Sendable {
    /// Of F; nil for fewer than two images.
    @Nullable package var observed: Double?
    /// Of F_ca; nil for fewer than two images and without an intervention.
    @Nullable package var intervened: Double?

    enum CodingKeys: String, CodingKey {
      case observed = "f"
      case intervened = "f_ca"
    }

    /// Joins the two.
    package init(observed: Double?, intervened: Double?) {
      self.observed = observed
      self.intervened = intervened
    }
  }

  /// The model.
  package let model: Model
  /// The site, or nil for images of one's own.
  @Nullable package var site: String?
  /// Whether the site took part in training; nil where that is not known.
  @Nullable package var trainedOn: Bool?
  /// How many images there were to choose from.
  package let available: Int
  /// The dictionary.
  package let confounders: [Confounder]
  /// The strengths of the sweep; empty without one.
  package let strengths: [Double]
  /// How far images lie apart.
  package let spread: Spread
  /// Numbers over all images.
  package let summary: ExplanationSummary
  /// How well the weights tell the truth; nil where it is not known.
  @Nullable package var faithfulness: Faithfulness?
  /// The images.
  package let images: [ExplainedImage]

  enum CodingKeys: String, CodingKey {
    case model, site, available, confounders, strengths, spread, summary, faithfulness, images
    case trainedOn = "trained_on"
  }

  /// Sums up images.
  ///
  /// - Parameters:
  ///   - model: the model.
  ///   - site: the site; nil for images of one's own.
  ///   - trainedOn: whether the site took part in training.
  ///   - available: how many images there were to choose from.
  ///   - confounders: the dictionary.
  ///   - strengths: of the sweep; empty without one.
  ///   - spread: how far images lie apart.
  ///   - images: the images, at least one.
  /// - Throws: `TorchError` when the generator fails.
  package init(
    model: Model, site: String? = nil, trainedOn: Bool? = nil, available: Int, confounders: [Confounder],
    strengths: [Double], spread: Spread, images: [ExplainedImage]
  ) throws {
    self.model = model
    self.available = available
    self.confounders = confounders
    self.strengths = strengths
    self.spread = spread
    self.images = images
    summary = try ExplanationSummary(images, confounders: confounders.map(\.name), spread: spread)
    self.site = site
    self.trainedOn = trainedOn
    faithfulness = try Faithfulness(images, confounders: confounders.map(\.name))
  }
}
