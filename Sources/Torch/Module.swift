/// A part of a network: a class whose stored layers and tensors have checkpoint keys.
///
/// ```swift
/// final class Block: Module {
///   @Child var norm: LayerNorm
///   @Parameter var scale: Tensor
///   init(width: Int) throws {
///     _norm = Child("layer_norm1", try LayerNorm(width))
///     _scale = Parameter("scale", try .ones([width]))
///   }
///   func callAsFunction(_ x: Tensor) throws -> Tensor { try norm(x) * scale }
/// }
/// ```
open class Module {
  /// Whether the module is in training mode, which matters to layers such as batch normalisation.
  public private(set) var isTraining = true

  /// Makes a module; subclasses set their layers.
  public init() {}

  /// The property wrappers of this object, in order of declaration, superclass first.
  private var slots: [any ModuleSlot] {
    var found: [any ModuleSlot] = []
    var mirror: Mirror? = Mirror(reflecting: self)
    while let current = mirror {
      found.insert(contentsOf: current.children.compactMap { $0.value as? any ModuleSlot }, at: 0)
      mirror = current.superclassMirror
    }
    return found
  }

  /// The direct child modules, with their keys.
  public var children: [(key: String, module: Module)] { slots.flatMap { $0.modules } }

  /// Returns every trained tensor with its checkpoint key, in order of declaration.
  public func parameters() -> [NamedTensor] { collect { $0.parameter } }

  /// Returns every untrained tensor (running statistics) with its checkpoint key.
  public func buffers() -> [NamedTensor] { collect { $0.buffer } }

  /// Returns every tensor of a checkpoint: parameters and buffers by key.
  public func state() -> [String: Tensor] {
    Dictionary(
      (parameters() + buffers()).map { ($0.key, $0.tensor) }, uniquingKeysWith: { first, _ in first })
  }

  private func collect(_ pick: (any ModuleSlot) -> Tensor?) -> [NamedTensor] {
    slots.flatMap { slot -> [NamedTensor] in
      if let tensor = pick(slot) { return [NamedTensor(key: slot.key, tensor: tensor)] }
      return slot.modules.flatMap { key, module in
        // The tensors of a child with an empty key have keys at this module's own level.
        module.collect(pick).map {
          NamedTensor(key: key.isEmpty ? $0.key : "\(key).\($0.key)", tensor: $0.tensor)
        }
      }
    }
  }

  /// Copies the values of a checkpoint into this module and converts their types.
  ///
  /// - Parameters:
  ///   - tensors: the tensors by checkpoint key.
  ///   - source: the source of the tensors, for the message.
  ///   - ignoring: keys that the checkpoint may have and the module lacks.
  /// - Throws: `TorchError.parameters` with every key that is missing, unexpected or of another
  ///   shape. Nothing is copied then.
  public func load(
    _ tensors: [String: Tensor], from source: String, ignoring: (String) -> Bool = { _ in false }
  ) throws {
    let own = state()
    try ParameterMismatch.check(own, against: tensors, from: source, ignoring: ignoring)
    try withoutGradients {
      for (key, tensor) in own {
        if let value = tensors[key] { try tensor.assign(value) }
      }
    }
  }

  /// Shares a checkpoint's tensors with this module and copies those of another type or device.
  ///
  /// For use without training: all modules that adopt a tensor share it. A safetensors file gives
  /// views, which are read at their use. So the file must not be changed in place while the module
  /// is used; a file that is cut short ends the process. A file may be replaced by renaming, as
  /// this package does it. A compiled layer holds copies and no longer needs the file.
  ///
  /// - Parameters:
  ///   - tensors: the tensors by checkpoint key; they must not be changed afterwards.
  ///   - source: the source of the tensors, for the message.
  ///   - ignoring: keys that the checkpoint may have and the module lacks.
  /// - Throws: as `load`.
  public func adopt(
    _ tensors: [String: Tensor], from source: String, ignoring: (String) -> Bool = { _ in false }
  ) throws {
    try ParameterMismatch.check(state(), against: tensors, from: source, ignoring: ignoring)
    try withoutGradients { try adopt(tensors, under: "") }
  }

  private func adopt(_ tensors: [String: Tensor], under prefix: String) throws {
    for slot in slots {
      if let own = slot.parameter ?? slot.buffer, let value = tensors[prefix + slot.key] {
        if value.dtype == own.dtype, value.device == own.device, value.isContiguous {
          try slot.replace { _ in value }
        } else {
          try own.assign(value)
        }
      }
      for (key, module) in slot.modules {
        try module.adopt(tensors, under: key.isEmpty ? prefix : "\(prefix)\(key).")
      }
    }
  }

  /// Enables or disables gradients for all parameters.
  ///
  /// - Parameter value: whether gradients are enabled.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func requireGradients(_ value: Bool) throws {
    for parameter in parameters() { try parameter.tensor.requireGradient(value) }
  }

  /// Switches this module and all modules inside between training and evaluation.
  ///
  /// - Parameter value: true for training, false for evaluation.
  open func train(_ value: Bool = true) {
    isTraining = value
    for child in children { child.module.train(value) }
  }

  /// Releases the memory pages of parameters and buffers that are unchanged views of a file.
  ///
  /// The system reads the pages again at their next use. Compilation calls this layer by layer, so
  /// that a file's weights and the compiled ones are never in memory together.
  public final func releasePages() {
    for slot in slots {
      (slot.parameter ?? slot.buffer)?.releasePages()
      for child in slot.modules { child.module.releasePages() }
    }
  }

  /// Moves parameters and buffers to a device.
  ///
  /// Call it before an optimiser is made. A module with tensors beside its slots moves them, too.
  ///
  /// - Parameter device: the device.
  /// - Throws: `TorchError.operation` with libtorch's message.
  open func move(to device: Device) throws {
    for slot in slots {
      try slot.replace { try $0.detached().to(device).requireGradient($0.requiresGradient) }
      for child in slot.modules { try child.module.move(to: device) }
    }
  }
}

/// A tensor and its checkpoint key.
public struct NamedTensor {
  /// The key, such as `layers.0.self_attn.q_proj.weight`.
  public let key: String
  /// The tensor.
  public let tensor: Tensor

  /// Pairs a key with a tensor.
  ///
  /// - Parameters:
  ///   - key: the checkpoint key.
  ///   - tensor: the tensor.
  public init(key: String, tensor: Tensor) {
    self.key = key
    self.tensor = tensor
  }
}

/// The differences between a checkpoint and a module.
public struct ParameterMismatch: Equatable, Sendable, CustomStringConvertible {
  /// One key whose shapes differ.
  public struct Shape: Equatable, Sendable {
    let key: String
    let expected: [Int]
    let found: [Int]
  }

  /// The source of the checkpoint.
  public let source: String
  /// Keys of the module that the checkpoint lacks.
  public let missing: [String]
  /// Keys of the checkpoint that the module lacks.
  public let unexpected: [String]
  /// Keys whose shapes differ.
  public let shapes: [Shape]

  /// Compares the tensors of a model with those of a checkpoint.
  ///
  /// - Throws: `TorchError.parameters` with every difference.
  static func check(
    _ own: [String: Tensor], against tensors: [String: Tensor], from source: String,
    ignoring: (String) -> Bool = { _ in false }
  ) throws {
    let mismatch = ParameterMismatch(
      source: source,
      missing: own.keys.filter { tensors[$0] == nil }.sorted(),
      unexpected: tensors.keys.filter { own[$0] == nil && !ignoring($0) }.sorted(),
      shapes: own.compactMap { key, tensor in
        guard let found = tensors[key], found.shape != tensor.shape else { return nil }
        return Shape(key: key, expected: tensor.shape, found: found.shape)
      }.sorted { $0.key < $1.key })
    guard mismatch.isEmpty else { throw TorchError.parameters(mismatch) }
  }

  private var isEmpty: Bool { missing.isEmpty && unexpected.isEmpty && shapes.isEmpty }

  /// The differences, one line for each kind; of many, the first and their number.
  public var description: String {
    func listed(_ names: [String]) -> String {
      let shown = names.prefix(20).joined(separator: ", ")
      return names.count > 20 ? "\(shown) and \(names.count - 20) more" : shown
    }
    var lines = ["\(source) does not fit the model; give the configuration it was made with"]
    if !missing.isEmpty { lines.append("missing: " + listed(missing)) }
    if !unexpected.isEmpty { lines.append("not part of the model: " + listed(unexpected)) }
    if !shapes.isEmpty {
      lines.append(
        "other shape: " + listed(shapes.map { "\($0.key) (expected \($0.expected), found \($0.found))" }))
    }
    return lines.joined(separator: "\n")
  }
}
