"""Which frozen backbone, sample, augmentation and head classify listing photos best? One tracked run at a time."""
