import Confounders
import Datasets
import Metrics
import Torch

extension Predictor {
  /// The interventions on images before they are segmented: each confounder alone, in order (ours).
  package struct InterventionPlan: Sendable {
    /// The mechanisms.
    package let interventions: Interventions
    /// The confounders to set, by index among `interventions.names`.
    package let confounders: [Int]
    /// How strongly each is set, from 0 to 1.
    package let strength: Double
    /// The seed of the places where mechanisms draw.
    package let seed: UInt64

    /// Makes a value from its parts.
    package init(_ interventions: Interventions, confounders: [Int], strength: Double, seed: UInt64) {
      self.interventions = interventions
      self.confounders = confounders
      self.strength = strength
      self.seed = seed
    }

    /// Changes an image, 1×3×S×S from 0 to 1, and a mask, 1×1×S×S, with it.
    ///
    /// The random numbers follow from seed, image and confounder alone. So they are the same for every
    /// run, mask and scale, and whichever other confounders are set. A mechanism that looks for a place
    /// by brightness may still choose another one at another scale.
    func callAsFunction(_ confounder: Int, of sample: Sample, images: Tensor, masks: Tensor) throws
      -> Pictures
    {
      let names = interventions.names
      let name = names.indices.contains(confounder) ? names[confounder] : "\(confounder)"
      return try interventions.doing(
        confounder, strength: strength, images: images, masks: masks,
        generator: Generator(seed: seed, for: "do", sample.site, sample.id, name))
    }
  }

  /// The masks of one image without and under one intervention, all at the image's own size.
  ///
  /// With several classes a mask shows all of them.
  package struct Changed {
    /// The name of the confounder.
    package let confounder: String
    /// The prediction for the image as it is, and its reference.
    package let before: (prediction: BinaryMask, reference: BinaryMask)
    /// The prediction for the changed image, and the reference, moved with the image.
    package let after: (prediction: BinaryMask, reference: BinaryMask)
    /// The prediction for the image as it is, moved with the image.
    package let movedPrediction: BinaryMask
  }

  /// The most pixels of the changed images of one pass, unless a single image has more.
  private static let pixelsOfBatch = 1 << 19

  /// Segments a sample as it is and under each intervention.
  ///
  /// The image is decoded once. A mechanism changes what enters the network, at each of the run's
  /// scales, as in training. The changed images of one sample share passes; other samples never do.
  ///
  /// A mask that the mechanism moves or hides is changed at the side of the first scale and mapped
  /// back. A mask that it leaves as it is there stays as it is.
  ///
  /// - Parameters:
  ///   - sample: an image. Without a mask the reference is empty.
  ///   - plan: the interventions.
  ///   - each: makes a value from the masks of one intervention, in order; it should not keep them.
  /// - Returns: a value for each intervention.
  /// - Throws: an error that names the file, `InterventionError` for a confounder that cannot be set
  ///   or a strength out of range, or the error of `each`.
  package func masks<Value>(
    _ sample: Sample, under plan: InterventionPlan, _ each: (Changed) throws -> Value
  ) throws -> [Value] {
    let seen = try look(at: sample.image, keepingPicture: false)
    let shape = [seen.height, seen.width]
    let reference = try reader.mask(of: sample, imageSize: shape)?.anyClass() ?? .zeros(shape, dtype: .bool)
    let prediction = try rule.mask(seen.probability(self)).anyClass()
    let before = (prediction: try BinaryMask(prediction), reference: try BinaryMask(reference))
    guard let first = seen.squares.first else { return [] }
    func moved(_ mask: Tensor, _ own: BinaryMask, _ confounder: Int) throws -> BinaryMask {
      guard plan.interventions.changesMask(confounder) else { return own }
      return try BinaryMask(self.moved(mask, in: first, confounder, of: sample, plan))
    }
    let side = seen.squares.map(\.frame.size).max() ?? reader.size
    let step = max(1, Self.pixelsOfBatch / (side * side))
    return try stride(from: 0, to: plan.confounders.count, by: step).flatMap { start in
      let part = plan.confounders[start..<min(start + step, plan.confounders.count)]
      let maps = try seen.squares.map { square in
        let pixels = try Seen.pixels(square)
        let none = try Tensor.zeros([1, 1, square.frame.size, square.frame.size])
        let changed = try part.map { try plan($0, of: sample, images: pixels, masks: none).images }
        return try probabilities(.concatenated(changed, dim: 0), cached: nil)
      }
      return try part.enumerated().map { row, confounder in
        let probability = try seen.atOwnSize(maps.map { try $0.narrowed(dim: 0, start: row, length: 1) })
        return try each(
          Changed(
            confounder: plan.interventions.names[confounder], before: before,
            after: (
              try BinaryMask(rule.mask(probability).anyClass()),
              try moved(reference, before.reference, confounder)
            ), movedPrediction: try moved(prediction, before.prediction, confounder)))
      }
    }
  }

  /// Moves a mask with its image: bool, H×W.
  private func moved(
    _ mask: Tensor, in square: SampleReader.Square, _ confounder: Int, of sample: Sample,
    _ plan: InterventionPlan
  ) throws -> Tensor {
    let (frame, shape) = (square.frame, mask.shape)
    let small = try reader.scaled(mask: mask, in: frame).to(.float32)
      .reshaped([1, 1, frame.size, frame.size])
    let done = try plan(confounder, of: sample, images: Seen.pixels(square), masks: small).masks
    if try done.isEqual(to: small) { return mask }
    func large(_ values: Tensor) throws -> Tensor {
      try frame.restored(values, height: shape[0], width: shape[1]).squeezed(0).squeezed(0).atLeast(0.5)
    }
    // The part of the image that does not enter the network stays as it is.
    let outside = try large(small.onesLike()).not()
    return try large(done).or(mask.and(outside))
  }
}
