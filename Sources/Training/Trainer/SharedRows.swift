import Segmentation
import Torch

/// The rows that each part of a step sees, in one process or in several.
///
/// One process gives every part all rows and changes nothing.
struct SharedRows {
  private let batch: TrainingBatch
  private let processes: Processes
  private let group: ProcessGroup?
  private let traits: MethodTraits
  private let device: Device
  /// The place of each row of the batch among the gathered ones; nil for one process.
  private let order: Tensor?

  /// The tensors of a step that the losses read.
  struct Seen {
    /// The model's outputs.
    let output: SegmentationOutput
    /// L_seg of each row.
    let each: Tensor
    /// The masks, B×K×S×S.
    let masks: Tensor
    /// The lesion class of each row.
    let classes: [Int?]
    /// The rows of interventions with their partners.
    let interventions: InterventionPairs?
    /// The outputs of the tower as it began.
    let pretrained: EncodedImages?
  }

  /// Prepares a step.
  ///
  /// - Parameters:
  ///   - batch: the rows of this process.
  ///   - processes: the processes that share the batch.
  ///   - traits: the traits of the method, which say what they share.
  ///   - device: the device of the computation.
  /// - Throws: `TorchError` if memory is short.
  init(_ batch: TrainingBatch, _ processes: Processes, _ traits: MethodTraits, _ device: Device) throws {
    (self.batch, self.processes, self.traits, self.device) = (batch, processes, traits, device)
    group = processes.others
    order = processes.areSeveral ? try Tensor(batch.share.places).to(device) : nil
  }

  /// Whether the method and the head see only the rows of this process.
  private var hasOwnForward: Bool { group != nil && traits.sharing != .tower }
  /// Whether the losses see only the rows of this process.
  var hasOwnLosses: Bool { group != nil && traits.sharing == .all }
  /// The site of each row that the method sees before the losses.
  var forwardSites: [Int] { hasOwnForward ? batch.sites : batch.share.sites }
  /// The site of each row that the losses see.
  var lossSites: [Int] { hasOwnLosses ? batch.sites : batch.share.sites }

  /// Gathers all rows, in the order of one process.
  ///
  /// Lower precisions travel as float32, because the backward pass adds up gradients.
  private func all(_ tensor: Tensor, gradient: Bool = true) throws -> Tensor {
    guard let group, let order else { return tensor }
    let isLow = tensor.dtype == .bfloat16 || tensor.dtype == .float16
    let own = try (isLow ? tensor.to(.float32) : tensor).contiguous()
    let found =
      try gradient && tensor.requiresGradient
      ? group.gatheredWithGradient(rows: own) : group.gathered(rows: own)
    let ordered = try found.indexed(order.to(found.device))
    return isLow ? try ordered.to(tensor.dtype) : ordered
  }

  /// Lets the method change the images; it sees all of them.
  ///
  /// A method that states no change has none to make, so its images are not gathered.
  ///
  /// - Parameters:
  ///   - images: the rows of this process.
  ///   - method: the name of the method.
  ///   - change: the hook of the method.
  /// - Returns: the changed rows of this process.
  /// - Throws: `MethodError.changesImages` for a change that the traits do not state, the error of the
  ///   hook, or of the group.
  func changed(
    _ images: Tensor, by method: String, _ change: (Tensor) throws -> Tensor
  ) throws -> Tensor {
    guard group != nil else { return try change(images) }
    guard traits.changesImages else {
      guard try change(images) === images else { throw MethodError.changesImages(method: method) }
      return images
    }
    let changed = try change(all(images, gradient: false))
    return try changed.indexed(Tensor(batch.share.rows).to(changed.device))
  }

  /// Completes pixels and tower outputs for a method that must see all rows.
  func completed(_ pixels: Tensor, _ encoded: EncodedImages) throws -> (Tensor, EncodedImages) {
    guard group != nil, !hasOwnForward else { return (pixels, encoded) }
    return (try all(pixels, gradient: false), try encoded.map { try all($0) })
  }

  /// Returns the tensors that the losses read.
  ///
  /// - Parameters:
  ///   - output: the outputs of the forward pass.
  ///   - pretrained: the tower as it began, for the rows of this process.
  ///   - objective: computes L_seg of rows from their logits and masks.
  /// - Returns: the tensors of the rows that the losses see.
  /// - Throws: the error of the group, or `TorchError` if shapes do not fit.
  func seen(
    _ output: SegmentationOutput, pretrained: EncodedImages?,
    _ objective: (_ logits: Tensor, _ masks: Tensor) throws -> Tensor
  ) throws -> Seen {
    let masks = try batch.masks.to(device)
    guard group != nil else { return try own(output, pretrained, masks, objective) }
    let (classes, pairs) =
      try hasOwnLosses
      ? (batch.classes, batch.interventions)
      : (allClasses(), batch.share.pairs(batch.interventions, processes))
    switch traits.sharing {
    case .all: return try own(output, pretrained, masks, objective)
    case .model(let parts):
      let each = try all(objective(output.logits, masks))
      return Seen(
        output: try output.mapping(parts) { try all($0) }, each: each,
        masks: try parts.contains(.masks) ? all(masks, gradient: false) : masks, classes: classes,
        interventions: pairs,
        pretrained: parts.contains(.layers)
          ? try pretrained.map { try $0.map { try all($0, gradient: false) } } : pretrained)
    case .tower:
      let masks = try all(masks, gradient: false)
      return Seen(
        output: output, each: try objective(output.logits, masks), masks: masks, classes: classes,
        interventions: pairs, pretrained: try pretrained?.map { try all($0, gradient: false) })
    }
  }

  private func own(
    _ output: SegmentationOutput, _ pretrained: EncodedImages?, _ masks: Tensor,
    _ objective: (_ logits: Tensor, _ masks: Tensor) throws -> Tensor
  ) throws -> Seen {
    Seen(
      output: output, each: try objective(output.logits, masks), masks: masks, classes: batch.classes,
      interventions: batch.interventions, pretrained: pretrained)
  }

  /// The lesion class of each row of the whole batch.
  private func allClasses() throws -> [Int?] {
    let known = try all(Tensor(batch.classes.map { Int64($0 ?? -1) }).to(device), gradient: false)
    return try known.to(.cpu).array(of: Int64.self).map { $0 < 0 ? nil : Int($0) }
  }

  /// Computes the mean of L_seg, or the part of this process in it.
  ///
  /// - Parameters:
  ///   - each: L_seg of the rows that the losses see.
  ///   - weight: the weight of an intervened image.
  /// - Returns: a scalar.
  /// - Throws: `TorchError` with libtorch's message.
  func mean(_ each: Tensor, intervened weight: Double) throws -> Tensor {
    guard group != nil, !hasOwnLosses else { return try batch.mean(each, intervened: weight) }
    let (first, second) = (batch.share.observed.all, batch.share.intervened.all)
    guard second > 0, weight != 1 else { return try each.mean() }
    return try batch.share.mean(
      observed: each.narrowed(dim: 0, start: 0, length: first),
      intervened: each.narrowed(dim: 0, start: first, length: second), weight: weight)
  }

  /// Returns the losses of the whole batch.
  ///
  /// - Throws: the error of the group if a process has ended.
  func summed(_ losses: StepLosses) throws -> StepLosses {
    guard hasOwnLosses else { return losses }
    let sum = try processes.sums([losses.total])[0]
    return StepLosses(total: sum, segmentation: sum, terms: [])
  }

  /// Scales the loss for the backward pass; the reducer then takes the mean over the processes.
  ///
  /// - Parameters:
  ///   - total: the loss of all rows, or the part of this process in it.
  ///   - accumulation: the number of steps whose gradients are added up.
  /// - Returns: a scalar.
  /// - Throws: `TorchError` with libtorch's message.
  func scaled(_ total: Tensor, accumulation: Int) throws -> Tensor {
    let whole = hasOwnLosses ? try total * Double(processes.count) : total
    return accumulation > 1 ? try whole / Double(accumulation) : whole
  }
}
