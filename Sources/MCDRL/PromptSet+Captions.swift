extension PromptSet {
  /// Every sentence of these prompts that is true of a picture.
  ///
  /// The class, each confounder, the class with each confounder; for a picture without a lesion the sentences for
  /// normal images in place of the class.
  ///
  /// - Parameters:
  ///   - lesion: the lesion class that it shows, nil for none; a class that has no prompt adds no sentence.
  ///   - present: names of the confounders that it shows; names without a prompt add no sentence.
  /// - Returns: the sentences, in the order of the prompts.
  @Sendable public func captions(lesion: String?, confounders present: Set<String>) -> [String] {
    let shown = confounders.indices.filter { present.contains(confounders[$0].name) }
    let domains = shown.map { confounderPrompts[$0] }
    guard let lesion else { return normal + domains }
    guard let index = classes.firstIndex(of: lesion) else { return domains }
    let joint = shown.map { jointPrompts[index * confounders.count + $0] }
    return [classPrompts[index]] + domains + joint
  }
}
