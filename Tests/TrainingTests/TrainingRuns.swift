import Testing

/// Tests that train.
@Suite("Training runs")
struct TrainingRuns {}
