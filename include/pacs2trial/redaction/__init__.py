"""Areas of an image blanked in the stored values of every frame concerned. A pure function of object and areas."""
