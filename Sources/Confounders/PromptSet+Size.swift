extension PromptSet {
  /// The same words with fewer confounders: the first of every group, then the second of every group, and so on.
  ///
  /// So a small dictionary still speaks of as many kinds as it can, and a larger one holds all of a smaller one.
  ///
  /// - Parameter count: how many confounders; nil for all.
  /// - Returns: the prompts, groups and confounders in their order, empty groups left out.
  /// - Throws: `PromptSizeError` when there are not so many.
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

/// More confounders are asked for than the prompt file has.
public struct PromptSizeError: Error, Equatable, CustomStringConvertible {
  /// How many are asked for.
  public let wanted: Int
  /// How many there are.
  public let available: Int

  /// One line with the fix.
  public var description: String {
    "confounders is \(wanted), but the prompt file has \(available): ask for 1 to \(available), null for all, or add "
      + "confounders to the file"
  }
}
