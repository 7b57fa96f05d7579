import Confounders
import Torch

/// What a method is built from.
package struct MethodContext {
  /// The embedded prompts, of width d.
  package let text: TextEmbeddings
  /// The tower's layers whose outputs `EncodedImages.layers` holds, counted from 1, in its order.
  package let towerLayers: [Int]
  /// Channels of each of these.
  package let towerWidths: [Int]
  /// Pixels of the image between neighbouring positions of the feature grid.
  package let gridStride: Int
  /// Channels of `SegmentationOutput.features`; 0 for a method that replaces the head.
  package let featureWidth: Int
  /// How many source sites there are; 0 where the settings do not name them.
  package let siteCount: Int
  /// The settings of the model.
  package let configuration: ModelConfiguration
  /// For first weights.
  package let seed: UInt64

  /// A number of the method's settings: what was set, else its default.
  ///
  /// - Parameters:
  ///   - name: after `model.options.`.
  ///   - method: whose default counts.
  ///   - range: what it may be.
  /// - Returns: the number.
  /// - Throws: `TorchError.value` that names the setting, when it is out of range.
  package func option(
    _ name: String, of method: SegmentationMethod.Type, in range: ClosedRange<Double>
  ) throws -> Double {
    let value = configuration.options[name] ?? method.defaults[name] ?? 0
    guard range.contains(value) else {
      let limit =
        range.upperBound == .greatestFiniteMagnitude
        ? "at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
      throw TorchError.value("model.options.\(name) is \(value); \(method.name) takes numbers \(limit)")
    }
    return value
  }

  /// The number of source sites, for a method with a part for each.
  ///
  /// - Throws: `TorchError.value` when there are not at least two, or the settings do not name them.
  package func requiredSites(of method: SegmentationMethod.Type) throws -> Int {
    guard siteCount >= 2 else {
      throw TorchError.value(
        "\(method.name) compares source sites, but sources names \(siteCount); name two or more")
    }
    return siteCount
  }
}

extension Tensor {
  /// The rows of the images of one site.
  func rows(of site: Int, in sites: [Int]) throws -> Tensor {
    try indexed(Tensor(sites.indices.filter { sites[$0] == site }).to(device))
  }
}

/// What a step of training knows of its batch before the loss.
package struct TrainingPass {
  /// The source site of each image, counted from 0.
  package let sites: [Int]
  /// The only source of chance, of its own in every step, so that runs repeat and resume.
  package let generator: Generator

  /// Joins the two.
  package init(sites: [Int], generator: Generator) {
    self.sites = sites
    self.generator = generator
  }
}

/// A batch as training sees it, for losses.
package struct MethodBatch {
  /// The source site of each image, counted from 0.
  package let sites: [Int]
  /// B×1×S×S, 0 and 1.
  package let masks: Tensor
  /// The lesion class of each image, nil without a lesion or where it is not known.
  package let classes: [Int?]
  /// L_seg of each image, B, with its gradients.
  package let losses: Tensor
  /// How much of training is done, 0 to 1.
  package let progress: Double

  /// Joins the parts.
  package init(sites: [Int], masks: Tensor, classes: [Int?], losses: Tensor, progress: Double) {
    self.sites = sites
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
/// the hooks come in the order `images`, the tower, `features`, `grid`, `detail` or `decode`, `segmentation`, `penalty`;
/// afterwards only `grid` and `decode`, which must not draw at random. Parameters and buffers that a subclass declares
/// are trained, stored and resumed with the model under `method.`. docs/methods.md has an example.
package class SegmentationMethod: Module {
  /// What settings, tables and folders call it.
  package class var name: String { "" }
  /// What it does, in one line.
  package class var summary: String { "" }
  /// The paper it follows.
  package class var reference: String { "" }
  /// Its settings and their defaults, the paper's; `model.options.NAME` changes them.
  package class var defaults: [String: Double] { [:] }
  /// Whether `images` changes pictures, so that a frozen tower's features cannot be kept.
  package class var changesImages: Bool { false }
  /// Whether `decode` stands in the place of the common head, which is then not made.
  package class var replacesHead: Bool { false }
  /// The tower's layers it needs where `head.towerLayers` names none, as shares of the tower's depth.
  package class var towerDepths: [Double] { [] }

  /// Makes a method.
  ///
  /// - Parameter context: what it is built from.
  /// - Throws: `TorchError.value` for settings that are not possible.
  package required init(_ context: MethodContext) throws { super.init() }

  /// Changes the images of a training batch before the tower sees them.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S, 0 to 1.
  ///   - pass: sites and chance.
  /// - Returns: images of the same shape; a mask must stay right for its image.
  /// - Throws: `TorchError` when shapes do not fit.
  package func images(_ images: Tensor, _ pass: TrainingPass) throws -> Tensor { images }

  /// Changes what the tower made of a training batch.
  ///
  /// - Parameters:
  ///   - encoded: the tower's outputs.
  ///   - pass: sites and chance.
  /// - Returns: outputs of the same shapes.
  /// - Throws: `TorchError` when shapes do not fit.
  package func features(_ encoded: EncodedImages, _ pass: TrainingPass) throws -> EncodedImages { encoded }

  /// Changes the grid before the head sees it, in training and afterwards.
  ///
  /// - Parameters:
  ///   - grid: the dense features, each position normalised, B×P×d.
  ///   - encoded: the tower's outputs.
  /// - Returns: a grid of the same shape.
  /// - Throws: `TorchError` when shapes do not fit.
  package func grid(_ grid: Tensor, _ encoded: EncodedImages) throws -> Tensor { grid }

  /// Changes what a level of the head's branch on the image made of a training batch.
  ///
  /// - Parameters:
  ///   - features: B×c×h×w.
  ///   - level: from 0, the finest.
  ///   - pass: sites and chance.
  /// - Returns: features of the same shape.
  /// - Throws: `TorchError` when shapes do not fit.
  package func detail(_ features: Tensor, level: Int, _ pass: TrainingPass) throws -> Tensor { features }

  /// Decodes in the place of the common head, where `replacesHead` says so.
  ///
  /// - Parameters:
  ///   - images: as the tower saw them, B×3×S×S.
  ///   - encoded: the tower's outputs.
  /// - Returns: lesion logits, B×1×S×S.
  /// - Throws: `TorchError` when shapes do not fit.
  package func decode(_ images: Tensor, _ encoded: EncodedImages) throws -> Tensor {
    throw TorchError.value("the method \(Self.name) replaces the head but does not decode")
  }

  /// What is trained on in the place of the mean of L_seg.
  ///
  /// - Parameter batch: what was trained on.
  /// - Returns: a scalar; nil for the mean.
  /// - Throws: `TorchError` when shapes do not fit.
  package func segmentation(_ batch: MethodBatch) throws -> Tensor? { nil }

  /// What is added to L_seg, weighted.
  ///
  /// - Parameters:
  ///   - output: of the model.
  ///   - batch: what was trained on.
  /// - Returns: a scalar; nil for nothing.
  /// - Throws: `TorchError` when shapes do not fit.
  package func penalty(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> Tensor? { nil }
}

/// The methods that plug in.
package enum MethodCatalog {
  /// In the order in which help and documentation list them.
  package static let peers: [SegmentationMethod.Type] = [
    CLIPSeg.self, MixStyle.self, FourierMixing.self, CORAL.self, GroupDRO.self, IRM.self, DANN.self,
  ]
}
