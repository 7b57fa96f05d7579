import Confounders
import Torch

/// The settings of one forward pass: training or inference, and the adjustment.
public struct ForwardPass: Sendable {
  /// The training step; nil in inference.
  public var training: TrainingPass?
  /// Whether the intervention is on.
  ///
  /// A diagnosis turns it off. In training the method's own schedule also counts.
  public var intervenes = true
  /// The way to compute the sum over confounders; nil for the model's own.
  public var adjustment: Adjustment?
  /// The confounders to sum over; nil for the model's dictionary.
  public var entries: ConfounderEntries?

  /// Makes an inference pass with the model's own settings.
  public init() {}

  /// Makes the pass of a training step.
  ///
  /// - Parameter training: the training step; nil for inference.
  public init(training: TrainingPass?) { self.training = training }

  /// Returns this pass, without the intervention if it is inference with weights that were trained
  /// without it.
  package func inferring(intervening: Bool) -> ForwardPass {
    var pass = self
    if training == nil { pass.intervenes = intervenes && intervening }
    return pass
  }

  /// An inference pass with the intervention off.
  public static var withoutIntervention: ForwardPass {
    var pass = ForwardPass()
    pass.intervenes = false
    return pass
  }
}

/// The properties of a training step that a method sees before the loss.
public struct TrainingPass: Sendable {
  /// The source site of each image, counted from 0.
  public let sites: [Int]
  /// The only random number generator, a new one in each step, so that runs repeat and resume.
  public let generator: Generator
  /// The epoch, counted from 0.
  public let epoch: Int
  /// The number of epochs.
  public let epochs: Int

  /// Makes the value from its parts.
  ///
  /// - Parameters:
  ///   - sites: the source site of each image, counted from 0.
  ///   - generator: the random number generator of the step.
  ///   - epoch: the epoch, counted from 0.
  ///   - epochs: the number of epochs.
  public init(sites: [Int], generator: Generator, epoch: Int = 0, epochs: Int = 1) {
    self.sites = sites
    self.generator = generator
    self.epoch = epoch
    self.epochs = epochs
  }
}
