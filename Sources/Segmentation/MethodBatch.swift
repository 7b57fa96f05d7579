import Torch

/// A batch for the losses: one row for each image that passed the model.
public struct MethodBatch {
  /// The source site of each row, counted from 0.
  public let sites: [Int]
  /// The masks, B×K×S×S, 0 and 1; K is 1 unless `MethodTraits.segmentsClasses` is true.
  public let masks: Tensor
  /// The lesion class of each row; nil without a lesion or if unknown.
  public let classes: [Int?]
  /// L_seg of each row, B, with its gradients.
  public let losses: Tensor
  /// The rows of interventions and of their observed partners; nil without interventions.
  public let interventions: InterventionPairs?
  /// The outputs of the tower as it began, for a method with `MethodTraits.needsPretrained`.
  public let pretrained: EncodedImages?
  /// The training step.
  public let pass: TrainingPass
  /// The finished fraction of training, 0 to 1.
  public let progress: Double

  /// Makes the value from its parts.
  ///
  /// - Parameters:
  ///   - sites: the source site of each row, counted from 0.
  ///   - masks: the masks, B×K×S×S, 0 and 1.
  ///   - classes: the lesion class of each row; nil without a lesion or if unknown.
  ///   - losses: L_seg of each row, B, with its gradients.
  ///   - interventions: the rows of interventions and of their partners; nil without interventions.
  ///   - pretrained: the outputs of the tower as it began; nil unless the method needs them.
  ///   - pass: the training step.
  ///   - progress: the finished fraction of training, 0 to 1.
  public init(
    sites: [Int], masks: Tensor, classes: [Int?], losses: Tensor, interventions: InterventionPairs? = nil,
    pretrained: EncodedImages? = nil, pass: TrainingPass, progress: Double
  ) {
    self.sites = sites
    self.masks = masks
    self.classes = classes
    self.losses = losses
    self.interventions = interventions
    self.pretrained = pretrained
    self.pass = pass
    self.progress = progress
  }
}

/// The intervened images of a batch and their observed partners.
public struct InterventionPairs: Sendable {
  /// The rows of do(z)x.
  public let intervened: [Int]
  /// The row of x for each of these.
  public let partners: [Int]
  /// The strength of each z, float32 B'×M, 0 where it was not set.
  public let applied: Tensor
  /// Whether positions no longer correspond to the positions of the partner: bool, B'.
  public let moved: Tensor

  /// Makes the value from its parts.
  ///
  /// - Parameters:
  ///   - intervened: the rows of do(z)x.
  ///   - partners: the row of x for each of these.
  ///   - applied: the strength of each z, float32 B'×M, 0 where it was not set.
  ///   - moved: whether positions no longer correspond, bool, B'.
  public init(intervened: [Int], partners: [Int], applied: Tensor, moved: Tensor) {
    self.intervened = intervened
    self.partners = partners
    self.applied = applied
    self.moved = moved
  }

  /// Selects the rows of do(z)x from a tensor with one row for each image of the batch.
  ///
  /// - Parameter tensor: B×….
  /// - Returns: the rows, B'×….
  /// - Throws: `TorchError` if a row does not exist.
  public func intervened(_ tensor: Tensor) throws -> Tensor { try tensor.rows(intervened) }

  /// Selects the rows of x, in the order of `intervened`.
  ///
  /// - Parameter tensor: B×….
  /// - Returns: the rows, B'×….
  /// - Throws: `TorchError` if a row does not exist.
  public func observed(_ tensor: Tensor) throws -> Tensor { try tensor.rows(partners) }
}

extension Tensor {
  /// Selects rows, in the given order.
  ///
  /// - Throws: `TorchError` if a row does not exist.
  package func rows(_ rows: [Int]) throws -> Tensor {
    if let first = rows.first, rows == Array(first..<first + rows.count) {
      // A view needs no copy and no index tensor.
      return try narrowed(dim: 0, start: first, length: rows.count)
    }
    return try indexed(Tensor(rows).to(device))
  }

  /// Selects the rows of the images of one site.
  ///
  /// - Parameters:
  ///   - site: the site.
  ///   - sites: the site of each row.
  /// - Returns: the rows, in their order.
  /// - Throws: `TorchError` if there are fewer rows than sites.
  public func rows(of site: Int, in sites: [Int]) throws -> Tensor {
    try indexed(Tensor(sites.indices.filter { sites[$0] == site }).to(device))
  }
}

/// A term that a method adds to L_seg.
public struct LossTerm {
  /// The name in progress lines, metrics, TensorBoard and reports.
  ///
  /// It consists of letters, digits, hyphens and underscores.
  public let name: String
  /// The unweighted value, a scalar with gradients.
  public let value: Tensor
  /// The factor in the objective.
  public let weight: Double

  /// Makes a term.
  ///
  /// - Parameters:
  ///   - name: the name of the term.
  ///   - value: the unweighted value, a scalar with gradients.
  ///   - weight: the factor in the objective.
  public init(_ name: String, _ value: Tensor, weight: Double = 1) {
    self.name = name
    self.value = value
    self.weight = weight
  }
}
