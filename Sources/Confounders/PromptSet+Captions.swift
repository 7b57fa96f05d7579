extension PromptSet {
  /// Returns every sentence of these prompts that is true of an image.
  ///
  /// These are the sentences of the class, of each confounder, and of the class with each
  /// confounder. An image without a lesion has the sentences for normal images instead of the
  /// class.
  ///
  /// - Parameters:
  ///   - lesion: the visible lesion class, nil for none; a class without a prompt adds no sentence.
  ///   - present: the names of the visible confounders; names without a prompt add no sentence.
  /// - Returns: the sentences, in the order of the prompts.
  @Sendable package func captions(lesion: String?, confounders present: Set<String>) -> [String] {
    let shown = confounders.filter { present.contains($0.name) }
    let domains = shown.flatMap(prompts(confounder:))
    guard let lesion else { return normal + domains }
    guard classes.contains(lesion) else { return domains }
    return prompts(class: lesion) + domains + shown.flatMap { prompts(class: lesion, confounder: $0) }
  }
}
