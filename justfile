# Everything that CI runs.
check:
    scripts/test

# The main job on this machine: two daemons, a marking, a merge.
demo:
    cargo run --release -- demo
