import Torch

/// The embedded prompts: L2-normalised, constant, computed once per run.
public struct TextEmbeddings: Sendable {
  /// e: class prompts, K×d.
  public let classes: Tensor
  /// The mean of the sentences for normal images, normalised, d.
  public let normal: Tensor
  /// z: confounder prompts, M×d.
  public let confounders: Tensor
  /// t: class with confounder, K×M×d.
  public let joint: Tensor
  /// The words of the classes, for methods that learn prompts; nil if unknown.
  ///
  /// They are not among `tensors`. The weights file of a run has them if its method learns prompts.
  public var words: ClassWords?

  /// Embeds all prompts; several sentences give their normalised mean.
  ///
  /// - Parameters:
  ///   - prompts: the words.
  ///   - encode: a text tower; n sentences → n×d, projected, not normalised.
  /// - Throws: the errors of the tower.
  public init(_ prompts: PromptSet, encode: ([String]) throws -> Tensor) throws {
    (classes, normal, confounders, joint) = try withoutGradients {
      func embedded(_ sentences: [String], by template: PromptSet.Template) throws -> Tensor {
        let unit = try encode(sentences).normalized()
        let count = template.sentences.count
        // A single sentence stays the same to the last bit.
        guard count > 1 else { return unit }
        return try unit.reshaped([-1, count, unit.size(1)]).mean([1]).normalized()
      }
      let templates = prompts.templates
      let joint = try embedded(prompts.jointPrompts, by: templates.joint)
      let shape = [prompts.classes.count, prompts.confounders.count, try joint.size(1)]
      return (
        try embedded(prompts.classPrompts, by: templates.class),
        try encode(prompts.normal).normalized().mean([0]).normalized(),
        try embedded(prompts.confounderPrompts, by: templates.confounder), try joint.reshaped(shape)
      )
    }
    words = ClassWords(prompts)
  }

  /// Embeds phrases of a user as the texts of confounders, n×d, L2-normalised.
  ///
  /// - Parameters:
  ///   - phrases: the texts, at least one.
  ///   - prompts: the words, whose template of confounders the phrases fill.
  ///   - encode: a text tower.
  /// - Returns: n×d.
  /// - Throws: the errors of the tower.
  package static func embedded(
    _ phrases: [String], in prompts: PromptSet, encode: ([String]) throws -> Tensor
  ) throws -> Tensor {
    try withoutGradients {
      let unit = try encode(phrases.flatMap(prompts.sentences(phrase:))).normalized()
      return try unit.reshaped([phrases.count, -1, unit.size(1)]).mean([1]).normalized()
    }
  }

  /// Wraps existing embeddings.
  ///
  /// - Parameters:
  ///   - classes: e, K×d.
  ///   - normal: the mean of the sentences for normal images, d.
  ///   - confounders: z, M×d.
  ///   - joint: t, K×M×d.
  ///   - words: the words of the classes; nil if unknown.
  public init(
    classes: Tensor, normal: Tensor, confounders: Tensor, joint: Tensor, words: ClassWords? = nil
  ) {
    self.classes = classes
    self.normal = normal
    self.confounders = confounders
    self.joint = joint
    self.words = words
  }

  /// Copies the embeddings to a device.
  public func moved(to device: Device) throws -> TextEmbeddings {
    TextEmbeddings(
      classes: try classes.to(device), normal: try normal.to(device), confounders: try confounders.to(device),
      joint: try joint.to(device), words: words)
  }

  /// The tensors by name, for storage with a model.
  public var tensors: [String: Tensor] {
    ["text.classes": classes, "text.normal": normal, "text.confounders": confounders, "text.joint": joint]
  }

  /// Reads stored embeddings from a checkpoint; nil if it holds none.
  public init?(tensors: [String: Tensor]) {
    guard let classes = tensors["text.classes"], let normal = tensors["text.normal"],
      let confounders = tensors["text.confounders"], let joint = tensors["text.joint"]
    else { return nil }
    self.init(classes: classes, normal: normal, confounders: confounders, joint: joint)
  }
}
