import Storage

/// Which items are queued, and which are mixed in as confident controls.
enum ReviewSelection {
  /// Chooses rows.
  ///
  /// Without a limit all are queued. With one, the least sure ones are. Controls are drawn by chance from the
  /// surer half, by name and seed alone, so the same call draws the same ones.
  ///
  /// - Parameters:
  ///   - rows: the rows.
  ///   - limit: the most items; nil for all.
  ///   - controls: the share of controls, 0 to 1.
  ///   - seed: the seed.
  /// - Returns: the rows in their order, with controls marked.
  static func choose(
    _ rows: [ReviewQueue.Row], limit: Int?, controls: Double, seed: UInt64
  ) -> [ReviewQueue.Row] {
    let count = min(limit ?? rows.count, rows.count)
    let wanted = min(Int((Double(count) * controls).rounded()), rows.count / 2)
    let sorted = rows.indices.sorted { (rows[$1].unsure ?? 0, $0) < (rows[$0].unsure ?? 0, $1) }
    let surer = sorted.suffix(rows.count / 2)
    let drawn = Set(surer.sorted { chance(rows[$0].id, seed) < chance(rows[$1].id, seed) }.prefix(wanted))
    let queued = sorted.filter { !drawn.contains($0) }.prefix(count - drawn.count)
    let chosen = drawn.union(queued)
    return rows.indices.filter(chosen.contains).map { place in
      var row = rows[place]
      row.isControl = drawn.contains(place)
      return row
    }
  }

  /// A number by chance that follows from a name and a seed.
  private static func chance(_ id: String, _ seed: UInt64) -> String {
    SHA256.text(Array("\(seed)/\(id)".utf8))
  }
}
