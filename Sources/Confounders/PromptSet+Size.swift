extension PromptSet {
  /// Selects fewer confounders: the first of every group, then the second, and so on.
  ///
  /// So a small dictionary covers as many kinds as possible, and a larger one contains every
  /// smaller one.
  ///
  /// - Parameter count: the number of confounders; nil for all.
  /// - Returns: the prompts, with groups and confounders in their order, without empty groups.
  /// - Throws: `PromptSizeError` if there are fewer confounders.
  public func limited(to count: Int?) throws -> PromptSet {
    guard let count else { return self }
    guard (1...max(1, confounders.count)).contains(count) else {
      throw PromptSizeError(wanted: count, available: confounders.count)
    }
    let turns = groups.indices.flatMap { group in
      groups[group].confounders.indices.map { (place: $0, group: group) }
    }
    let kept = turns.sorted { ($0.place, $0.group) < ($1.place, $1.group) }.prefix(count)
    var limited = self
    limited.groups = groups.indices.compactMap { group in
      let places = kept.filter { $0.group == group }.map(\.place)
      return places.isEmpty
        ? nil : Group(name: groups[group].name, confounders: places.map { groups[group].confounders[$0] })
    }
    return limited
  }
}

/// A request for more confounders than the prompt file has.
public struct PromptSizeError: Error, Equatable, CustomStringConvertible {
  /// The requested number.
  public let wanted: Int
  /// The available number.
  public let available: Int

  /// One line with the fix.
  public var description: String {
    "confounders is \(wanted), but the prompt file has \(available): ask for 1 to \(available), null for all, or add "
      + "confounders to the file"
  }
}
