import Torch

/// What a method is built from.
public struct MethodContext {
  /// The embedded prompts, of width d.
  public let text: TextEmbeddings
  /// Channels of each of the tower's layers that the head is shown (`head.towerLayers`), in their order.
  public let towerWidths: [Int]
  /// Pixels of the image between neighbouring positions of the feature grid.
  public let gridStride: Int
  /// The settings of the model.
  public let configuration: ModelConfiguration
  /// For first weights.
  public let seed: UInt64

  /// A number of the method's settings: what was set, else its default.
  public func option(_ name: String, of method: SegmentationMethod.Type) -> Double {
    configuration.options[name] ?? method.defaults[name] ?? 0
  }
}

/// A batch as training sees it, for penalties.
public struct MethodBatch {
  /// The source site of each image, counted from 0.
  public let sites: [Int]
  /// How many source sites there are.
  public let siteCount: Int
  /// B×1×S×S, 0 and 1.
  public let masks: Tensor
  /// The lesion class of each image, nil without a lesion or where it is not known.
  public let classes: [Int?]
  /// L_seg of each image, B, with its gradients.
  public let losses: Tensor
  /// How much of training is done, 0 to 1.
  public let progress: Double

  /// Joins the parts.
  public init(
    sites: [Int], siteCount: Int, masks: Tensor, classes: [Int?], losses: Tensor, progress: Double
  ) {
    self.sites = sites
    self.siteCount = siteCount
    self.masks = masks
    self.classes = classes
    self.losses = losses
    self.progress = progress
  }
}

/// A method that plugs into the common tower, head, trainer and evaluation, to be compared with MCDRL at equal encoder,
/// head and budget.
///
/// One file each in `Peers/`: a subclass that overrides the hooks it needs, and a line in `MethodCatalog`. In training
/// the hooks come in the order `images`, the tower, `features`, `decode`, `penalty`; afterwards only `decode`.
/// Parameters that a subclass declares are trained and stored with the model under `method.`.
open class SegmentationMethod: Module {
  /// What settings, tables and folders call it.
  open class var name: String { "" }
  /// What it does, in one line.
  open class var summary: String { "" }
  /// The paper it follows.
  open class var reference: String { "" }
  /// Its settings and their defaults, the paper's; `model.options.NAME` changes them.
  open class var defaults: [String: Double] { [:] }
  /// Whether `images` changes pictures, so that a frozen tower's features cannot be kept.
  open class var changesImages: Bool { false }

  /// Makes a method.
  ///
  /// - Parameter context: what it is built from.
  /// - Throws: `TorchError.value` for settings that are not possible.
  public required init(_ context: MethodContext) throws { super.init() }

  /// Changes the images of a training batch before the tower sees them.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S, 0 to 1.
  ///   - sites: the source site of each.
  ///   - generator: the only source of chance.
  /// - Returns: images of the same shape; a mask must stay right for its image.
  /// - Throws: `TorchError` when shapes do not fit.
  open func images(_ images: Tensor, sites: [Int], generator: Generator) throws -> Tensor { images }

  /// Changes what the tower made of a training batch.
  ///
  /// - Parameters:
  ///   - encoded: the tower's outputs.
  ///   - sites: the source site of each image.
  ///   - generator: the only source of chance.
  /// - Returns: outputs of the same shapes.
  /// - Throws: `TorchError` when shapes do not fit.
  open func features(_ encoded: EncodedImages, sites: [Int], generator: Generator) throws -> EncodedImages {
    encoded
  }

  /// Decodes in the place of the common head; nil leaves it to the head.
  ///
  /// - Parameters:
  ///   - images: as the tower saw them, B×3×S×S.
  ///   - encoded: the tower's outputs.
  /// - Returns: lesion logits, B×1×S×S.
  /// - Throws: `TorchError` when shapes do not fit.
  open func decode(_ images: Tensor, _ encoded: EncodedImages) throws -> Tensor? { nil }

  /// What is added to the mean of L_seg, weighted.
  ///
  /// - Parameters:
  ///   - output: of the model.
  ///   - batch: what was trained on.
  /// - Returns: a scalar; nil for nothing.
  /// - Throws: `TorchError` when shapes do not fit.
  open func penalty(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> Tensor? { nil }
}

/// The methods that plug in.
public enum MethodCatalog {
  /// In the order in which help and documentation list them.
  public static let peers: [SegmentationMethod.Type] = []
}
