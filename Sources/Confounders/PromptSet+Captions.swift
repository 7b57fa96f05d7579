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
  @Sendable package func captions(lesion: String?, confounders present: Set<String>) -> [String] {
    let shown = confounders.filter { present.contains($0.name) }
    let domains = shown.flatMap(prompts(confounder:))
    guard let lesion else { return normal + domains }
    guard classes.contains(lesion) else { return domains }
    return prompts(class: lesion) + domains + shown.flatMap { prompts(class: lesion, confounder: $0) }
  }
}
