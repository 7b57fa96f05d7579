import Torch

/// A batch as losses see it: a row for each image that passed the model.
public struct MethodBatch {
  /// The source site of each row, counted from 0.
  public let sites: [Int]
  /// B×1×S×S, 0 and 1.
  public let masks: Tensor
  /// The lesion class of each row; nil without a lesion or where it is not known.
  public let classes: [Int?]
  /// L_seg of each row, B, with its gradients.
  public let losses: Tensor
  /// Which rows show an intervention, and which rows they belong to; nil without interventions.
  public let interventions: InterventionPairs?
  /// The step of training.
  public let pass: TrainingPass
  /// The finished share of training, 0 to 1.
  public let progress: Double

  /// Joins the parts.
  public init(
    sites: [Int], masks: Tensor, classes: [Int?], losses: Tensor, interventions: InterventionPairs? = nil,
    pass: TrainingPass, progress: Double
  ) {
    self.sites = sites
    self.masks = masks
    self.classes = classes
    self.losses = losses
    self.interventions = interventions
    self.pass = pass
    self.progress = progress
  }
}

/// The intervened images of a batch and their observed partners.
public struct InterventionPairs: Sendable {
  /// The rows that show do(z)x.
  public let intervened: [Int]
  /// The row of x for each of these.
  public let partners: [Int]
  /// The strength of each z, float32 B'×M, 0 where it was not set.
  public let applied: Tensor
  /// Whether positions no longer correspond to those of the partner: bool, B'.
  public let moved: Tensor

  /// Joins the parts.
  public init(intervened: [Int], partners: [Int], applied: Tensor, moved: Tensor) {
    self.intervened = intervened
    self.partners = partners
    self.applied = applied
    self.moved = moved
  }

  /// The rows of do(z)x in a tensor with a row for each image of the batch.
  public func intervened(_ tensor: Tensor) throws -> Tensor { try tensor.rows(intervened) }

  /// The rows of x, in the order of `intervened`.
  public func observed(_ tensor: Tensor) throws -> Tensor { try tensor.rows(partners) }
}

extension Tensor {
  /// Some rows, in their order.
  ///
  /// - Throws: `TorchError` when a row does not exist.
  package func rows(_ rows: [Int]) throws -> Tensor {
    if let first = rows.first, rows == Array(first..<first + rows.count) {
      // A view: no copy, no index tensor.
      return try narrowed(dim: 0, start: first, length: rows.count)
    }
    return try indexed(Tensor(rows).to(device))
  }

  /// The rows of the images of one site.
  ///
  /// - Parameters:
  ///   - site: the site.
  ///   - sites: the site of each row.
  /// - Returns: the rows, in their order.
  /// - Throws: `TorchError` when there are fewer rows than sites.
  public func rows(of site: Int, in sites: [Int]) throws -> Tensor {
    try indexed(Tensor(sites.indices.filter { sites[$0] == site }).to(device))
  }
}

/// A term that a method adds to L_seg.
public struct LossTerm {
  /// Its name in progress lines, metrics, TensorBoard and reports: letters, digits, hyphens and underscores.
  public let name: String
  /// The value before it is weighted, a scalar with gradients.
  public let value: Tensor
  /// Its factor in the objective.
  public let weight: Double

  /// Names a term.
  public init(_ name: String, _ value: Tensor, weight: Double = 1) {
    self.name = name
    self.value = value
    self.weight = weight
  }
}
