import Confounders
import Torch

/// The circumstances of one forward pass: in training or not, and with which adjustment.
public struct ForwardPass: Sendable {
  /// The step of training; nil in inference.
  public var training: TrainingPass?
  /// Whether the intervention is on.
  ///
  /// A diagnosis turns it off. In training the method's own schedule counts as well.
  public var intervenes = true
  /// How the sum over confounders is carried out; nil for the way in which the model was trained.
  public var adjustment: Adjustment?
  /// The confounders to sum over; nil for the model's dictionary.
  public var entries: ConfounderEntries?

  /// Inference with everything as it was trained.
  public init() {}

  /// A step of training.
  public init(training: TrainingPass?) { self.training = training }

  /// Inference with the intervention off.
  public static var withoutIntervention: ForwardPass {
    var pass = ForwardPass()
    pass.intervenes = false
    return pass
  }
}

/// A step of training as a method sees it before the loss.
public struct TrainingPass: Sendable {
  /// The source site of each image, counted from 0.
  public let sites: [Int]
  /// The only source of chance, a new one in every step, so that runs repeat and resume.
  public let generator: Generator
  /// The epoch, counted from 0.
  public let epoch: Int
  /// The number of epochs.
  public let epochs: Int

  /// Joins the parts.
  public init(sites: [Int], generator: Generator, epoch: Int = 0, epochs: Int = 1) {
    self.sites = sites
    self.generator = generator
    self.epoch = epoch
    self.epochs = epochs
  }
}
